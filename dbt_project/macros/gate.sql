{#-
    Narrows a gate test to the rows that the run is about to publish: touched keys, or all rows of a model that was built whole and never published since
    (the variable `whole`). Without the variable `is_narrowed` (nightly, by hand) a test looks at every row.
-#}
{% macro gate(table_name, id, part=none) -%}
    {%- if not is_narrowed() or table_name in var('whole', []) -%} true
    {%- elif part is none -%} {{ id }} in (select key_id from ops.touched where table_name = '{{ table_name }}')
    {%- else -%} ({{ id }}, {{ part }}::text) in (select key_id, key_part from ops.touched where table_name = '{{ table_name }}')
    {%- endif -%}
{%- endmacro %}
