{#- Part over whole, 0 to 1, rounded once; null without a whole. -#}
{% macro rate(part, whole) -%}
    round(({{ part }})::numeric / nullif({{ whole }}, 0), 4)::numeric(5, 4)
{%- endmacro %}
