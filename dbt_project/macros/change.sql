{#- By how much a number has grown over what it was before: 0.5 is half as much again, -0.25 a quarter less; null where it was 0 before. Wide enough for any two whole numbers. -#}
{% macro change(now, before) -%}
    round((({{ now }})::numeric - ({{ before }})) / nullif({{ before }}, 0), 4)::numeric(24, 4)
{%- endmacro %}
