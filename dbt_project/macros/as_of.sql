{#- The instant that the run computes for, once per statement. A unit test gives it as the variable as_of; a run has it in ops.current_run. -#}
{% macro as_of() -%}
    {%- set given = var('as_of', none) -%}
    {%- if given is none -%} (select ops.as_of()) {%- else -%} timestamptz '{{ given }}' {%- endif -%}
{%- endmacro %}
