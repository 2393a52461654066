{#- Facts in words that more than one table gives as its reason. -#}
{% macro no_activity_since(last_active_on, joined_on) -%}
    'No activity since ' || coalesce({{ long_date(last_active_on) }}, 'joining on ' || {{ long_date(joined_on) }})
{%- endmacro %}

{#- A whole number as people write it: 1,002. -#}
{% macro in_digits(count) -%}
    to_char({{ count }}, 'FM999,999,999,990')
{%- endmacro %}

{#- Whole numbers, so that 29.999% is under 30% whatever it rounds to. -#}
{% macro few_finish(viewer_count, completion_count) -%}
    ({{ viewer_count }} >= 10 and {{ completion_count }} * 100 < {{ viewer_count }} * 30)
{%- endmacro %}

{% macro few_finish_in_words(viewer_count, completion_count) -%}
    {{ in_digits(completion_count) }} || ' of ' || {{ in_digits(viewer_count) }} || ' viewers finished the video, under 30%'
{%- endmacro %}

{% macro many_ask(question_count) -%}
    ({{ question_count }} >= 5)
{%- endmacro %}

{% macro many_ask_in_words(question_count) -%}
    {{ in_digits(question_count) }} || ' questions in 90 days are about it'
{%- endmacro %}
