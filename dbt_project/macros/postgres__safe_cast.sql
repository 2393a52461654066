{#-
    dbt casts each value of a unit test to its column's type, and knows every array only as ARRAY, which is no type in SQL.
    Such a value goes in as it is: a null, or a literal that carries its own cast.
-#}
{% macro postgres__safe_cast(field, type) -%}
    {%- if type | upper == 'ARRAY' -%} {{ field }} {%- else -%} cast({{ field }} as {{ type }}) {%- endif -%}
{%- endmacro %}
