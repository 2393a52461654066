{#-
    The materialization `pieces`: a table that is computed by the keys in ops.touched, with the same SQL that computes it whole.

    Whole (the model is in the variable `whole`, or the variable is not given): a new table from the contract takes the old one's place.
    By pieces: the model's SQL, narrowed by the macro touched(), gives the rows of the touched keys. What differs from the table is written, nothing else, and
    each model that names this one under touched_by gets its touched keys in the same transaction, from `changed`: the rows that differ, with
    op = old or delete (as they were), insert or update (as they are). So a build that is killed between two models goes on where it was.

    meta.is_kept: primary data. The table is never dropped and rows never leave it. Where a row comes again, `newest` takes it as it is, `greatest` the
    greater of old and new in each column: a number never falls. meta.settles_by: the column that holds the instant of the run that wrote a kept row; a run
    that comes again for that instant may take the row back. meta.saved_by: the column by whose day the rows are saved to the ledger's bucket.
-#}
{% materialization pieces, adapter='postgres' %}
    {%- set is_kept = model.config.meta.get('is_kept', false) -%}
    {%- set existing = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if is_kept and (existing is none or is_whole()) -%}
        {%- call statement('contract') -%} {{ kept_table_sql() }} {%- endcall -%}
    {%- endif -%}
    {%- if is_whole() and not is_kept -%}
        {{ build_whole(existing, sql) }}
    {%- else -%}
        {{ build_pieces(sql, is_kept) }}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [this.incorporate(type='table')]}) }}
{% endmaterialization %}

{% macro is_whole() -%}
    {%- set whole = var('whole', none) -%}
    {{ return(not execute or whole is none or model.name in whole) }}
{%- endmacro %}

{#- A condition that narrows the SQL to touched keys: expressions for the columns of the model's touch key, or for the first of two. -#}
{% macro touched(id, part=none) -%}
    {%- if is_whole() -%} true
    {%- elif part is none -%} {{ id }} in (select key_id from ops.touched where table_name = '{{ model.name }}')
    {%- else -%} ({{ id }}, {{ part }}) in (select key_id, key_part::{{ touch_part_type() }} from ops.touched where table_name = '{{ model.name }}')
    {%- endif -%}
{%- endmacro %}

{#- The same as a join, for rows of a day: the bounds let an index on (id, instant) find them. No place on earth is 24 hours away from UTC. -#}
{% macro touched_days(id, instant, day) -%}
    {%- if not is_whole() -%}
        inner join (select key_id, key_part::date as day_on from ops.touched where table_name = '{{ model.name }}') as touched_day
            on
                touched_day.key_id = {{ id }}
                and {{ instant }} >= (touched_day.day_on - 1)::timestamp at time zone 'UTC'
                and {{ instant }} < (touched_day.day_on + 2)::timestamp at time zone 'UTC'
                and touched_day.day_on = {{ day }}
    {%- endif -%}
{%- endmacro %}

{% macro touch_part_type() -%}
    {{ model.columns[model.config.meta.touch_key[1]].data_type }}
{%- endmacro %}

{% macro contract_columns_sql() -%}
    {%- for column in model.columns.values() %}"{{ column.name }}" {{ column.data_type }}{% if not loop.last %}, {% endif %}{% endfor -%}
{%- endmacro %}

{% macro quoted(names, alias=none) -%}
    {%- for name in names %}{% if alias %}{{ alias }}.{% endif %}"{{ name }}"{% if not loop.last %}, {% endif %}{% endfor -%}
{%- endmacro %}

{% macro kept_table_sql() -%}
    create table if not exists {{ this }} ({{ contract_columns_sql() }}, primary key ({{ quoted(model.config.meta.grain) }}));
    {% for column in model.columns.values() -%}
        alter table {{ this }} add column if not exists "{{ column.name }}" {{ column.data_type }};
    {% endfor -%}
    {% for index in config.get('indexes', []) -%}
        {{ get_create_index_sql(this, index) }};
    {% endfor -%}
{%- endmacro %}

{% macro build_whole(existing, sql) -%}
    {%- set names = model.columns.keys() | list -%}
    {%- if config.get('contract').enforced -%} {%- do get_assert_columns_equivalent(sql) -%} {%- endif -%}
    {%- if existing is not none -%} {%- do adapter.drop_relation(existing) -%} {%- endif -%}
    {%- call statement('create') -%}
        create table {{ this }} ({{ contract_columns_sql() }});
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
    {%- do persist_docs(this.incorporate(type='table'), model) -%}
{%- endmacro %}

{% macro build_pieces(sql, is_kept) -%}
    {%- set names = model.columns.keys() | list -%}
    {%- set grain = model.config.meta.grain -%}
    {%- set settles_by = model.config.meta.get('settles_by') -%}
    {%- set others = names | reject('in', grain) | list -%}
    {%- set fresh = '"' ~ model.name ~ '__fresh"' -%}
    {%- set changed = '"' ~ model.name ~ '__changed"' -%}
    {%- set same_key -%} {%- for name in grain %}t."{{ name }}" = n."{{ name }}"{% if not loop.last %} and {% endif %}{% endfor -%} {%- endset -%}
    {%- set differs -%} ({{ quoted(others, 't') }}) is distinct from ({{ quoted(others, 'n') }}) {%- endset -%}
    {%- call statement('rows') -%}
        create temp table {{ fresh }} ({{ contract_columns_sql() }}) on commit drop;
        insert into {{ fresh }} ({{ quoted(names) }}) select {{ quoted(names) }} from ({{ sql }}) as model_rows;
        {% if is_kept == 'greatest' -%}
            update {{ fresh }} as n set {% for name in others %}"{{ name }}" = greatest(n."{{ name }}", t."{{ name }}"){% if not loop.last %}, {% endif %}{% endfor %}
            from {{ this }} as t where {{ same_key }};
        {% endif -%}
        create temp table {{ changed }} on commit drop as
        select {{ quoted(names, 'n') }}, case when t."{{ grain[0] }}" is null then 'insert' else 'update' end as op
        from {{ fresh }} as n left join {{ this }} as t on {{ same_key }}
        where t."{{ grain[0] }}" is null or {{ differs }};
        insert into {{ changed }} ({{ quoted(names) }}, op)
        select {{ quoted(names, 't') }}, 'old' from {{ this }} as t inner join {{ changed }} as n on {{ same_key }} where n.op = 'update';
        {% if not is_kept or settles_by -%}
            insert into {{ changed }} ({{ quoted(names) }}, op)
            select {{ quoted(names, 't') }}, 'delete' from {{ this }} as t
            where {{ touched(*touch_columns('t')) }} and not exists (select from {{ fresh }} as n where {{ same_key }})
                {% if is_kept %}and t."{{ settles_by }}" = {{ as_of() }}{% endif %};
            delete from {{ this }} as t using {{ changed }} as n where n.op = 'delete' and {{ same_key }};
        {% endif -%}
        {{ follow_edges(changed) }}
        {{ mark_unsaved_days(changed) }}
    {%- endcall -%}
    {%- call statement('main') -%}
        insert into {{ this }} ({{ quoted(names) }}) select {{ quoted(names) }} from {{ changed }} where op in ('insert', 'update')
        on conflict ({{ quoted(grain) }}) do update set {% for name in others %}"{{ name }}" = excluded."{{ name }}"{% if not loop.last %}, {% endif %}{% endfor %}
    {%- endcall -%}
{%- endmacro %}

{#- The days of primary data that the next save writes again: by the column meta.saved_by, a date or an instant (then its day in UTC). -#}
{% macro mark_unsaved_days(changed) -%}
    {%- set column = model.config.meta.get('saved_by') -%}
    {%- if column -%}
        {%- set is_day = model.columns[column].data_type == 'date' -%}
        insert into ops.unsaved_days
        select distinct '{{ model.name }}', {% if is_day %}"{{ column }}"{% else %}("{{ column }}" at time zone 'UTC')::date{% endif %} from {{ changed }}
        on conflict do nothing;
    {%- endif -%}
{%- endmacro %}

{% macro touch_columns(alias) -%}
    {%- set columns = [] -%}
    {%- for name in model.config.meta.touch_key -%} {%- do columns.append(alias ~ '."' ~ name ~ '"') -%} {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{% macro follow_edges(changed) -%}
    {%- set whole = var('whole', none) -%}
    {%- for node in graph.nodes.values() if whole is not none and node.resource_type == 'model' and model.name in node.config.meta.get('touched_by', {}) and node.name not in whole -%}
        {%- set is_pair = node.config.meta.touch_key | length == 2 -%}
        with changed as (select * from {{ changed }})
        insert into ops.touched
        select distinct '{{ node.name }}', id, {% if is_pair %}coalesce(part::text, ''){% else %}''{% endif %}
        from ({{ node.config.meta.touched_by[model.name] }}) as keys (id{% if is_pair %}, part{% endif %})
        where id is not null
        on conflict do nothing;
    {% endfor -%}
{%- endmacro %}
