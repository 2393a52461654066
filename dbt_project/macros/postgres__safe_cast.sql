{#-
    dbt casts each value of a unit test to its column's type, and knows every array only as ARRAY, which is no type in SQL.
    So an array says its type itself: {1,2}::integer[]. A null, and what is no such text, goes in as it is.
-#}
{% macro postgres__safe_cast(field, type) -%}
    {%- if type | upper != 'ARRAY' -%} cast({{ field }} as {{ type }})
    {%- elif field is string and field.startswith("'{") and '}::' in field -%} {{ field[:-1].replace('}::', "}'::") }}
    {%- else -%} {{ field }}
    {%- endif -%}
{%- endmacro %}
