{% macro as_of() -%}
    {%- if not execute -%}
        timestamptz '1970-01-01 00:00:00+00'
    {%- else -%}
        {%- set given = var('as_of', none) -%}
        {%- set example = "pass the instant to compute for, with its offset: --vars '{\"as_of\": \"2026-03-01T06:00:00+00:00\"}'" -%}
        {%- if given is none -%}
            {{ exceptions.raise_compiler_error("The variable as_of is missing; " ~ example) }}
        {%- endif -%}
        {%- set digits = modules.re.match("^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$", given | string) -%}
        {%- if not digits -%}
            {{ exceptions.raise_compiler_error("The variable as_of is '" ~ given ~ "'; " ~ example) }}
        {%- endif -%}
        timestamptz '{{ given }}'
    {%- endif -%}
{%- endmacro %}
