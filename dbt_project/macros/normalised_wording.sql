{#-
    The wording by which questions count as the same: Unicode forms and case unified, apostrophes and marks without width gone,
    sentence punctuation and white space to single spaces. Signs that carry meaning stay: c++ is not c#.
    Characters are named one by one, since what a class like [:punct:] holds depends on the database's locale.
    Text beyond ASCII is brought to ASCII's punctuation first, so that most rows skip the costly part.
-#}
{% macro normalised_wording(text) -%}
    btrim(regexp_replace(
        replace(replace(lower(
            case
                when octet_length({{ text }}) = length({{ text }}) then {{ text }}
                else regexp_replace(
                    translate(
                        normalize({{ text }}, nfkc),
                        E'\u2018\u2019\u02bc\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufe0f\ufeff',
                        ''
                    ),
                    '[\u0085\u00a0\u00a1\u00ab\u00b7\u00bb\u00bf\u060c\u061b\u061f\u06d4\u2000-\u206f\u3000-\u303f]', ' ', 'g'
                )
            end
        ), '''', ''), '`', ''),
        '[\u0009-\u000d !"(),.:;?\[\]{}_\-]+', ' ', 'g'
    ))
{%- endmacro %}
