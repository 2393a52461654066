{#- The calendar day of an instant in a time zone, as English text: 3 March 2026. -#}
{% macro long_date(day) -%}
    to_char({{ day }}, 'FMDD FMMonth YYYY')
{%- endmacro %}
