{#-
    Narrows a gate test to the rows that the run is about to publish: touched keys, or all rows of a model that was built whole and never published since.
    Without the variable `whole` (nightly, by hand) a test looks at every row.
-#}
{% macro gate(table_name, id, part=none) -%}
    {%- set whole = var('whole', none) -%}
    {%- if whole is none or table_name in whole -%} true
    {%- elif part is none -%} {{ id }} in (select key_id from ops.touched where table_name = '{{ table_name }}')
    {%- else -%} ({{ id }}, {{ part }}::text) in (select key_id, key_part from ops.touched where table_name = '{{ table_name }}')
    {%- endif -%}
{%- endmacro %}
