{#-
    The materialization `pieces`: a table that dbt builds whole, and that hourly runs bring up to date by the keys in ops.touched, with the same SQL narrowed
    by the macro touched() (see pipelines/pieces.py). dbt compiles the narrowed SQL when the variable is_narrowed is true.

    Whole: a new table from the contract takes the old one's place.

    meta.is_kept: primary data. The table is never dropped and rows never leave it. Where a row comes again, `newest` takes it as it is, `greatest` the
    greater of old and new in each column: a number never falls. meta.settles_by: the column that holds the instant of the run that wrote a kept row; a run
    that comes again for that instant may take the row back. meta.saved_by: the column by whose day the rows are saved to the ledger's bucket.
-#}
{% materialization pieces, adapter='postgres' %}
    {%- set existing = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if model.config.meta.get('is_kept') -%}
        {{ keep_rows(sql) }}
    {%- else -%}
        {{ build_whole(existing, sql) }}
    {%- endif -%}
    {%- do persist_docs(this.incorporate(type='table'), model) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [this.incorporate(type='table')]}) }}
{% endmaterialization %}

{#- Whether the SQL is compiled for touched keys. -#}
{% macro is_narrowed() -%}
    {{ return(execute and var('is_narrowed', false)) }}
{%- endmacro %}

{#- A condition that narrows the SQL to touched keys: expressions for the columns of the model's touch key, or for the first of two. -#}
{% macro touched(id, part=none) -%}
    {%- if not is_narrowed() -%} true
    {%- elif part is none -%} {{ id }} in (select key_id from pg_temp.keys)
    {%- elif model.columns[model.config.meta.touch_key[1]].data_type == 'date' -%} ({{ id }}, {{ part }}) in (select key_id, key_on from pg_temp.keys)
    {%- else -%} ({{ id }}, {{ part }}) in (select key_id, key_text from pg_temp.keys)
    {%- endif -%}
{%- endmacro %}

{#- The same for a uuid whose text is the second part of the touch key, where that may also be another text: the uuid finds its rows by index. -#}
{% macro touched_text(id) -%}
    {%- if not is_narrowed() -%} true
    {%- else -%} {{ id }} in (select case when key_text ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then key_text::uuid end from pg_temp.keys)
    {%- endif -%}
{%- endmacro %}

{#- The same as a join, for rows of a day: the bounds let an index on (id, instant) find them. No place on earth is 24 hours away from UTC. -#}
{% macro touched_days(id, instant, day) -%}
    {%- if is_narrowed() -%}
        inner join pg_temp.keys as touched_day
            on
                touched_day.key_id = {{ id }}
                and {{ instant }} >= (touched_day.key_on - 1)::timestamp at time zone 'UTC'
                and {{ instant }} < (touched_day.key_on + 2)::timestamp at time zone 'UTC'
                and touched_day.key_on = {{ day }}
    {%- endif -%}
{%- endmacro %}

{% macro contract_columns_sql() -%}
    {%- for column in model.columns.values() %}"{{ column.name }}" {{ column.data_type }}{% if not loop.last %}, {% endif %}{% endfor -%}
{%- endmacro %}

{% macro quoted(names, alias=none) -%}
    {%- for name in names %}{% if alias %}{{ alias }}.{% endif %}"{{ name }}"{% if not loop.last %}, {% endif %}{% endfor -%}
{%- endmacro %}

{% macro build_whole(existing, sql) -%}
    {%- set names = model.columns.keys() | list -%}
    {%- if config.get('contract').enforced -%} {%- do get_assert_columns_equivalent(sql) -%} {%- endif -%}
    {%- if existing is not none -%} {%- do adapter.drop_relation(existing) -%} {%- endif -%}
    {%- call statement('create') -%}
        -- With room for new versions of rows beside the old: most updates then leave the indexes alone.
        create table {{ this }} ({{ contract_columns_sql() }}) with (fillfactor = 80);
    {%- endcall -%}
    {%- call statement('main') -%}
        insert into {{ this }} ({{ quoted(names) }}) select {{ quoted(names) }} from ({{ sql }}) as model_rows
    {%- endcall -%}
    {%- call statement('index') -%}
        alter table {{ this }} add primary key ({{ quoted(model.config.meta.grain) }});
        {% for index in config.get('indexes', []) -%}
            {{ get_create_index_sql(this, index) }};
        {% endfor -%}
        analyze {{ this }};
    {%- endcall -%}
{%- endmacro %}

{% macro keep_rows(sql) -%}
    {%- set names = model.columns.keys() | list -%}
    {%- set grain = model.config.meta.grain -%}
    {%- set others = names | reject('in', grain) | list -%}
    {%- set settles_by = model.config.meta.get('settles_by') -%}
    {%- set new_value = 'greatest(t."%(name)s", excluded."%(name)s")' if model.config.meta.is_kept == 'greatest' else 'excluded."%(name)s"' -%}
    {%- call statement('contract') -%}
        create table if not exists {{ this }} ({{ contract_columns_sql() }}, primary key ({{ quoted(grain) }}));
        {% for column in model.columns.values() -%}
            alter table {{ this }} add column if not exists "{{ column.name }}" {{ column.data_type }};
        {% endfor -%}
        {% for index in config.get('indexes', []) -%}
            {{ get_create_index_sql(this, index) }};
        {% endfor -%}
    {%- endcall -%}
    {%- if config.get('contract').enforced -%} {%- do get_assert_columns_equivalent(sql) -%} {%- endif -%}
    {%- if settles_by -%}
        {%- call statement('taken_back') -%}
            with written as (delete from {{ this }} where "{{ settles_by }}" = {{ as_of() }} returning *) {{ mark_unsaved_days() }}
        {%- endcall -%}
    {%- endif -%}
    {%- call statement('main') -%}
        with written as (
            insert into {{ this }} as t ({{ quoted(names) }}) select {{ quoted(names) }} from ({{ sql }}) as model_rows
            on conflict ({{ quoted(grain) }}) do update set {% for name in others %}"{{ name }}" = {{ new_value % {'name': name} }}{% if not loop.last %}, {% endif %}{% endfor %}
            where ({{ quoted(others, 't') }}) is distinct from ({% for name in others %}{{ new_value % {'name': name} }}{% if not loop.last %}, {% endif %}{% endfor %})
            returning *
        )
        {{ mark_unsaved_days() }}
    {%- endcall -%}
    {%- call statement('analyze') -%} analyze {{ this }} {%- endcall -%}
{%- endmacro %}

{#- The days of primary data that the next save writes again: by the column meta.saved_by, a date or an instant (then its day in UTC). -#}
{% macro mark_unsaved_days() -%}
    {%- set column = model.config.meta.saved_by -%}
    {%- set is_day = model.columns[column].data_type == 'date' -%}
    insert into ops.unsaved_days
    select distinct '{{ model.name }}', {% if is_day %}"{{ column }}"{% else %}("{{ column }}" at time zone 'UTC')::date{% endif %} from written
    on conflict do nothing
{%- endmacro %}
