{#- Facts in words that more than one table gives as its reason. -#}
{% macro no_activity_since(last_active_on, joined_on) -%}
    'No activity since ' || coalesce({{ long_date(last_active_on) }}, 'joining on ' || {{ long_date(joined_on) }})
{%- endmacro %}

{#- Whole numbers, so that 29.999% is under 30% whatever it rounds to. -#}
{% macro few_finish(viewer_count, completion_count) -%}
    ({{ viewer_count }} >= 10 and {{ completion_count }} * 100 < {{ viewer_count }} * 30)
{%- endmacro %}

{% macro few_finish_in_words(viewer_count, completion_count) -%}
    {{ completion_count }}::text || ' of ' || {{ viewer_count }}::text || ' viewers finished the video, under 30%'
{%- endmacro %}

{% macro many_ask(question_count) -%}
    ({{ question_count }} >= 5)
{%- endmacro %}

{% macro many_ask_in_words(question_count) -%}
    {{ question_count }}::text || ' questions in 90 days lead to it'
{%- endmacro %}
