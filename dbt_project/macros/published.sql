{#- The published rows of a mart, as readers see them now. By hand, without the variable is_published, it may be before the first publish: none then. -#}
{% macro published(name) -%}
    {%- if is_narrowed() or (execute and var('is_published', false)) -%} "analytics"."{{ name }}"
    {%- else -%}
        {%- set found = adapter.get_relation(database=target.database, schema='analytics', identifier=name) if execute else none -%}
        {%- if found is none -%} (select * from {{ ref(name) }} limit 0) {%- else -%} {{ found }} {%- endif -%}
    {%- endif -%}
{%- endmacro %}
