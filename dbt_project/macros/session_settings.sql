{% macro session_settings() -%}
    set local work_mem = '64MB'
{%- endmacro %}
