{#- A mean of whole numbers as numeric(12,2), rounded once; null over nothing. No floating point: same rows, same digits. -#}
{% macro mean(total, how_many) -%}
    round(({{ total }})::numeric / nullif({{ how_many }}, 0), 2)::numeric(12, 2)
{%- endmacro %}
