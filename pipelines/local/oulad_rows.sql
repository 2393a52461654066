-- Judges each row of the OULAD files (temporary tables <sheet>_rows) and counts the judgements.
-- `problem`: why a row does not fit (null: it fits). `known_on`: the day from which it is known. asked.through: the day asked for;
-- asked.halfway_on: the day on which each presentation is made to be halfway (null: the presentations stay where they were).
-- A row has one reason, the first that holds; that its day is still to come is the last one.
-- What is decided here about the data and why stands in the docstring of oulad.py.

create temp table course on commit drop as
select
    c.*,
    case
        when code_module is null or code_presentation is null then 'key missing'
        when code_presentation !~ '^[12][0-9]{3}[BJ]$' then 'presentation is not a year with B or J'
        when row_number() over (partition by code_module, code_presentation order by row_no) > 1 then 'repeats an earlier row'
        when module_presentation_length is null or module_presentation_length not between 1 and 3660 then 'length missing or out of range'
    end as problem
from course_rows as c;

create temp table presentation on commit drop as
select
    code_module, code_presentation, course_id, creator_id,
    module_presentation_length::int as length,
    coalesce(
        halfway_on - module_presentation_length::int / 2,
        make_date(left(code_presentation, 4)::int, case right(code_presentation, 1) when 'B' then 2 else 10 end, 1)
    ) as starts_on
from course
cross join asked
where problem is null;

create temp table assessment_judged on commit drop as
select
    a.*, p.course_id,
    case
        when a.id_assessment is null then 'key missing'
        when p.course_id is null then 'no such presentation'
        when row_number() over (partition by a.id_assessment order by a.row_no) > 1 then 'repeats an earlier row'
        when a.assessment_type is null or a.assessment_type not in ('CMA', 'TMA', 'Exam') then 'type is not CMA, TMA or Exam'
    end as problem
from assessment_rows as a
left join presentation as p using (code_module, code_presentation);

create temp table material_judged on commit drop as
select
    m.*, p.course_id,
    case
        when m.id_site is null then 'key missing'
        when p.course_id is null then 'no such presentation'
        when row_number() over (partition by m.id_site order by m.row_no) > 1 then 'repeats an earlier row'
    end as problem
from material_rows as m
left join presentation as p using (code_module, code_presentation);

create temp table click_read on commit drop as
select
    row_no, file, code_module, code_presentation,
    case when id_student ~ '^[0-9]{1,18}$' then id_student::bigint end as id_student,
    case when id_site ~ '^[0-9]{1,18}$' then id_site::bigint end as id_site,
    case when date ~ '^-?[0-9]{1,9}$' then date::int end as day,
    case when sum_click ~ '^[0-9]{1,9}$' then sum_click::int end as clicks
from click_rows;

analyze submission_rows;
analyze click_read;
analyze registration_rows;

-- The first day on which a student did anything in a presentation.
create temp table first_sign on commit drop as
select code_module, code_presentation, id_student, min(day)::int as day
from (
    select a.code_module, a.code_presentation, s.id_student, s.date_submitted as day
    from submission_rows as s
    inner join assessment_judged as a using (id_assessment)
    where a.problem is null and s.is_banked is not true
    union all
    select code_module, code_presentation, id_student, day from click_read
) as signs
where day between -3660 and 3660
group by code_module, code_presentation, id_student;

create temp table registration on commit drop as
select
    judged.*,
    case when problem is null then starts_on + least(coalesce(date_registration, 0), date_unregistration, first_day)::int end as joined_on
from (
    select
        r.*, p.course_id, p.creator_id, p.starts_on, p.length, s.day as first_day,
        case
            when r.id_student is null then 'key missing'
            when p.course_id is null then 'no such presentation'
            when row_number() over (partition by r.code_module, r.code_presentation, r.id_student order by r.row_no) > 1
                then 'repeats an earlier row'
            when abs(r.date_registration) > 3660 or abs(r.date_unregistration) > 3660 then 'day out of range'
        end as problem
    from registration_rows as r
    left join presentation as p using (code_module, code_presentation)
    left join first_sign as s using (code_module, code_presentation, id_student)
) as judged;

-- A presentation is known, with its materials and assessments, from the day of its first registration.
create temp table opening on commit drop as
select p.course_id, coalesce(min(r.joined_on), p.starts_on) as opened_on
from presentation as p
left join registration as r on r.course_id = p.course_id and r.problem is null
group by p.course_id, p.starts_on;

create temp table person on commit drop as
select
    p.*, r.joined_on,
    case
        when p.code_module is null or p.code_presentation is null or p.id_student is null then 'key missing'
        when r.student_id is null then 'no registration'
        when row_number() over (partition by p.code_module, p.code_presentation, p.id_student order by p.row_no) > 1
            then 'repeats an earlier row'
    end as problem
from person_rows as p
left join registration as r
    on
        r.code_module = p.code_module and r.code_presentation = p.code_presentation and r.id_student = p.id_student
        and r.problem is null;

create temp table student on commit drop as
select
    r.student_id, r.creator_id, r.course_id, r.code_module, r.code_presentation, r.id_student, r.starts_on, r.joined_on,
    r.starts_on + coalesce(r.date_unregistration::int, case when p.final_result = 'Withdrawn' then r.length end) as left_on
from registration as r
left join person as p
    on
        p.code_module = r.code_module and p.code_presentation = r.code_presentation and p.id_student = r.id_student
        and p.problem is null
where r.problem is null;

analyze student;
analyze assessment_judged;

create temp table submission on commit drop as
select
    judged.*,
    case when problem is null then starts_on + date_submitted::int end as known_on,
    md5(target_id::text || student_id::text)::uuid as id
from (
    select
        s.*, a.target_id, a.assessment_type, st.student_id, st.starts_on,
        case
            when s.id_assessment is null or s.id_student is null then 'key missing'
            when a.target_id is null then 'no such assessment'
            when st.student_id is null then 'not registered for the presentation'
            when row_number() over (partition by s.id_assessment, s.id_student order by s.row_no) > 1 then 'repeats an earlier row'
            when s.is_banked then 'banked: carried over from an earlier presentation'
            when s.date_submitted is null or abs(s.date_submitted) > 3660 then 'day missing or out of range'
            when s.score is null and a.assessment_type <> 'TMA' then 'no score, which an attempt needs'
            when s.score not between 0 and 100 then 'score outside 0 to 100'
        end as problem
    from submission_rows as s
    left join assessment_judged as a on a.id_assessment = s.id_assessment and a.problem is null
    left join student as st
        on st.code_module = a.code_module and st.code_presentation = a.code_presentation and st.id_student = s.id_student
) as judged;

create temp table click on commit drop as
select
    judged.*,
    case when problem is null then starts_on + day end as known_on
from (
    select
        c.*, m.video_id, st.student_id, st.starts_on,
        case
            when c.id_student is null or c.id_site is null or c.day is null or c.clicks is null then 'value missing or not a number'
            when m.video_id is null then 'no such material'
            when st.student_id is null then 'not registered for the presentation'
            when abs(c.day) > 3660 then 'day missing or out of range'
        end as problem
    from click_read as c
    left join material_judged as m
        on
            m.id_site = c.id_site and m.code_module = c.code_module and m.code_presentation = c.code_presentation
            and m.problem is null
    left join student as st
        on st.code_module = c.code_module and st.code_presentation = c.code_presentation and st.id_student = c.id_student
) as judged;

analyze submission;
analyze click;

create temp table judgement on commit drop as
select file, coalesce(problem, case when known_on > through then 'after ' || to_char(through, 'YYYY-MM-DD') end) as reason, count(*) as row_count
from (
    select a.file, a.problem, o.opened_on as known_on from assessment_judged as a left join opening as o using (course_id)
    union all
    select c.file, c.problem, o.opened_on from course as c left join opening as o using (course_id)
    union all
    select file, problem, joined_on from person
    union all
    select file, problem, known_on from submission
    union all
    select file, problem, joined_on from registration
    union all
    select m.file, m.problem, o.opened_on from material_judged as m left join opening as o using (course_id)
    union all
    select file, problem, known_on from click
) as judged
cross join asked
group by file, reason;
