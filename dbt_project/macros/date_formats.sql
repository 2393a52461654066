{#- The ways to write a date that a creator may ask for; the page knows how to follow each. -#}
{% macro date_formats() -%}
'YYYY-MM-DD', 'YYYY/MM/DD', 'DD/MM/YYYY', 'DD-MM-YYYY', 'DD.MM.YYYY', 'MM/DD/YYYY', 'D MMMM YYYY', 'MMMM D, YYYY', 'DD MMM YYYY', 'MMM DD, YYYY'
{%- endmacro %}
