-- What learners ask, each question in several wordings, and what the assistant answers. Topic 0 is asked everywhere; is_gap: the answers
-- rarely help. Read by demo_chat.sql and life_*.sql through word_questions, where each topic has its own questions and the general ones.
create temp table word_intents (topic int, is_gap boolean, answer text, wordings text[]) on commit drop;
insert into word_intents values
(0, false, 'Certificates are on your profile page as soon as the last lesson of a course is done.', array[
    'How do I get my certificate?', 'Where can I download the certificate?', 'Is there a certificate at the end of the course?',
    'I finished everything, where is my certificate', 'Do we receive a certificate of completion?']),
(0, true, 'Subtitles are switched on with the CC button; more languages are on their way.', array[
    'Can I turn on subtitles?', 'Are there subtitles in Spanish?', 'How do I switch on captions?',
    'Is it possible to watch this with subtitles in my language?', 'There are no captions on this video']),
(0, false, 'The gear in the player has the playback speed, from half to double.', array[
    'Can I change the playback speed?', 'How do I make the video play faster?', 'Where is the speed setting of the player?',
    'Is there a way to slow the video down?']),
(0, true, 'Videos can be kept for offline use in the app on your phone.', array[
    'Can I download the videos?', 'Is it possible to watch offline?', 'How do I save a lesson for offline viewing?',
    'I travel a lot, can I download lessons to my phone?', 'Download videos for the plane?']),
(0, false, 'You find invoices and the date of the next payment under Membership.', array[
    'How do I cancel my membership?', 'Where can I cancel my subscription?', 'I want to stop paying, how do I do that?',
    'How can I end my membership before the next payment?', 'Cancel subscription please, where?']),
(0, false, 'New lessons come out as the creator records them; you get a notice.', array[
    'When does the next lesson come out?', 'Is there going to be a part two?', 'When will new videos be added?',
    'How often do you publish new lessons?']),
(0, false, 'A quiz can be taken again as often as you like; the best score counts.', array[
    'Can I retake the quiz?', 'How often can I take the quiz?', 'I failed the quiz, can I try again?',
    'Is there a limit on quiz attempts?']),
(0, true, 'Live sessions are not part of this membership so far.', array[
    'Are there live sessions?', 'Do you offer live Q&A calls?', 'Can I book a one to one call with you?',
    'Is there a live class that I can join?']),
(1, false, 'A list can be changed after it is made, a tuple cannot.', array[
    'What is the difference between a list and a tuple?', 'When should I use a tuple instead of a list?',
    'List vs tuple, which one do I use?', 'Why would anyone use tuples and not lists?', 'Difference between lists and tuples please']),
(1, false, 'The name was used before it was given a value, or it was spelled differently.', array[
    'Why do I get a NameError?', 'What does NameError: name is not defined mean?', 'My code says name ''x'' is not defined',
    'How do I fix a NameError in Python?', 'I keep getting NameError when I run the script']),
(1, true, 'Create it with python -m venv .venv and activate it before you install anything.', array[
    'How do I create a virtual environment?', 'What is a virtual environment for?', 'My venv does not activate on Windows',
    'How do I activate the virtual environment?', 'Why do we need venv at all?']),
(1, false, 'Indentation is part of the grammar: four spaces for each level, never mixed with tabs.', array[
    'What does IndentationError mean?', 'Why does Python complain about my indentation?', 'Unexpected indent error, what is wrong?',
    'How many spaces should I indent?']),
(1, false, 'Use csv.DictReader for small files and pandas.read_csv for tables.', array[
    'How do I read a CSV file?', 'What is the best way to load a CSV in Python?', 'Can you show how to open a csv file?',
    'Reading csv files: csv module or pandas?']),
(1, false, 'A function returns what stands after return; without it, None.', array[
    'Why does my function return None?', 'What is the difference between print and return?',
    'My function prints the value but returns None', 'When do I need return in a function?']),
(1, true, 'Read the answer''s status code first, then its JSON.', array[
    'How do I call an API from Python?', 'Why do I get a 401 from the API?', 'How do I send the API key with requests?',
    'What does status code 401 mean?', 'API call fails with unauthorized']),
(2, false, 'Freeze the onion for ten minutes and use a sharp knife; crushed cells are what stings.', array[
    'How do I chop onions without crying?', 'Why do onions make me cry and how do I stop it?',
    'Any trick against tears when cutting onions?', 'Cutting onions without tears, how?']),
(2, true, 'It has to be kneaded until it passes the window test, and rest somewhere warm.', array[
    'Why does my bread not rise?', 'My dough does not rise, what am I doing wrong?', 'The bread stays flat and dense, why?',
    'How long should the dough prove?', 'Dough is not rising at all']),
(2, false, 'Bring it to room temperature, whisk in a spoon of warm water, then go on drop by drop.', array[
    'My hollandaise split, can I save it?', 'How do I rescue a split sauce?', 'The sauce curdled, what now?',
    'Why does my hollandaise separate?']),
(2, false, 'One part rice, one and a half parts water, and ten minutes of rest under the lid.', array[
    'How much water do I need for rice?', 'What is the rice to water ratio?', 'Why is my rice always sticky?',
    'How do I cook fluffy rice?']),
(2, false, 'Yes: cornstarch or rice flour, and a little less of it.', array[
    'Can I make this gluten free?', 'What can I use instead of wheat flour?', 'Is there a gluten free version of this recipe?',
    'Which flour is best for a gluten free dough?']),
(2, false, 'Fresh pasta keeps two days in the fridge and a month in the freezer.', array[
    'How long does fresh pasta keep?', 'Can I freeze homemade pasta?', 'How do I store fresh pasta?',
    'Can I make the pasta the day before?']),
(2, true, 'A whetstone of grit 1000 every month, a steel before every use.', array[
    'How do I sharpen my knife?', 'Which whetstone should I buy?', 'How often should I sharpen a chef''s knife?',
    'Do you recommend a knife sharpener?', 'What angle do I sharpen the knife at?']),
(3, false, 'A small f-number is a wide opening: more light, less in focus.', array[
    'What does the f-number mean?', 'Why is a small f-number a big aperture?', 'How does aperture change depth of field?',
    'I don''t understand aperture numbers', 'Which aperture gives a blurry background?']),
(3, false, 'Below one over the focal length, use a tripod or stabilisation.', array[
    'Why are my photos blurry?', 'How do I avoid camera shake?', 'What shutter speed do I need without a tripod?',
    'My pictures come out blurred indoors']),
(3, false, 'Raw keeps everything that the sensor saw; JPEG is finished and small.', array[
    'Should I shoot raw or JPEG?', 'What is the advantage of raw files?', 'Raw vs jpeg for beginners?',
    'Why do you always shoot in raw?']),
(3, true, 'Any 50 mm prime lens is a good first lens for portraits.', array[
    'Which lens should I buy first?', 'What is the best lens for portraits?', 'Can I use the kit lens for portraits?',
    'Do I need a prime lens?', 'Lens recommendation for beginners?']),
(3, false, 'Set the white balance on something grey, or correct it in raw.', array[
    'Why do my photos look yellow?', 'How do I set white balance?', 'Indoor pictures have an orange cast, why?',
    'What white balance should I use for lamps?']),
(3, true, 'Export in sRGB for the web, and at 300 dots per inch for print.', array[
    'Which settings do I export with for print?', 'Why do the colours look different after export?', 'sRGB or Adobe RGB for export?',
    'How do I export photos for Instagram?']),
(3, false, 'Place the subject near a window and turn the lamps off.', array[
    'How do I use window light?', 'Where should the person stand for window light?', 'Can I do portraits without a flash?',
    'Natural light at home, how do I set it up?']),
(4, true, 'Start with the small version on three strings, and roll the first finger to its side.', array[
    'How do I play the F chord?', 'My F chord buzzes, what can I do?', 'The F barre chord is impossible for me, any tips?',
    'Is there an easier version of F?', 'F chord sounds dead, why?']),
(4, false, 'It takes two to four weeks of short daily sessions until the skin is hard enough.', array[
    'My fingers hurt, is that normal?', 'When do my fingertips stop hurting?', 'How long until my fingers get used to the strings?',
    'Sore fingers after practice, should I stop?']),
(4, false, 'Practise the change alone: one minute back and forth, with a count.', array[
    'How do I change chords faster?', 'I am too slow when changing chords', 'Any exercise for smooth chord changes?',
    'How do I switch from G to C quickly?']),
(4, false, 'Twenty minutes a day are better than two hours on Sunday.', array[
    'How long should I practise every day?', 'How many minutes of practice per day?', 'Is ten minutes a day enough?',
    'How often should a beginner practise guitar?']),
(4, false, 'Use a tuner on the phone, or tune from the fifth fret.', array[
    'How do I tune my guitar?', 'Why does my guitar go out of tune all the time?', 'Can I tune without a tuner?',
    'Which app do you use for tuning?']),
(4, false, 'Every line is a string, the numbers are frets; the lowest line is the thickest string.', array[
    'How do I read tabs?', 'What do the numbers in a tab mean?', 'Which line is the low E string in tabs?',
    'I do not understand guitar tabs']),
(4, true, 'Light strings, .010 or .011, are easiest in the beginning.', array[
    'Which strings should I buy?', 'How often do I change the strings?', 'What string gauge is best for beginners?',
    'Nylon or steel strings for a beginner?', 'When should I replace my strings?']),
(5, false, 'Push the knees out, keep the heels down, and go only as deep as the back stays straight.', array[
    'My knees hurt when I squat, what should I do?', 'Why do my knees hurt during squats?', 'Knee pain in squats, is my form wrong?',
    'How deep should I squat with bad knees?', 'Are squats bad for the knees?']),
(5, false, 'Begin with hands on a table and lower the height week by week.', array[
    'I can''t do a single push-up, how do I start?', 'How do I get my first push-up?', 'Are push-ups on the knees okay?',
    'What is an easier version of the push-up?']),
(5, true, 'Between 1.4 and 2 grams per kilogram of body weight is plenty.', array[
    'How much protein do I need?', 'Do I need protein powder?', 'How many grams of protein per day?',
    'Is protein powder necessary to build muscle?', 'What should I eat after training?']),
(5, false, 'Two rest days a week in the beginning; walking is fine on them.', array[
    'How many rest days do I need?', 'Can I train every day?', 'Is it okay to work out daily?',
    'Should I take a day off between sessions?']),
(5, false, 'Run so slowly that you can talk; pace comes by itself.', array[
    'How fast should I run?', 'I am out of breath after one minute of running', 'What pace is right for beginners?',
    'How do I breathe while running?']),
(5, true, 'See a doctor when the pain goes down the leg; else keep moving gently.', array[
    'My lower back hurts, should I go on?', 'What can I do against lower back pain?', 'Is deadlifting safe with back pain?',
    'Back pain after the hip hinge lesson, is that normal?']),
(5, false, 'A set of adjustable dumbbells and a mat will last for years.', array[
    'What equipment do I need?', 'Can I do this without weights?', 'Which dumbbells should I buy?', 'Do I need a gym for this course?']),
(6, false, 'Three months of your costs, on an account that you can reach within a day.', array[
    'How big should my emergency fund be?', 'How much money should I keep for emergencies?', 'Is three months of savings enough?',
    'How many months of expenses should I save?', 'Emergency fund: three or six months?']),
(6, false, 'Pay the debt with the highest interest first, whatever its size.', array[
    'Should I pay off debt or invest first?', 'Which debt do I pay off first?', 'Is it better to pay off debt or save?',
    'Snowball or avalanche method, which one is better?']),
(6, false, 'A fund that copies a whole index, at a very low fee.', array[
    'What is an index fund?', 'How do index funds work?', 'What is the difference between an ETF and an index fund?',
    'ETF or index fund for a beginner?']),
(6, true, 'Compare the total expense ratio; under 0.3 per cent is cheap.', array[
    'How do I find out what a fund costs?', 'What is a good expense ratio?', 'Why do fees matter so much?',
    'Where do I see the fees of my fund?', 'Are there hidden fees in funds?']),
(6, false, 'Write down every expense for one month before you plan anything.', array[
    'How do I start a budget?', 'I can never stick to my budget, any tips?', 'What is the easiest way to make a budget?',
    'Which app should I use for my budget?']),
(6, true, 'Only the part above the limit is taxed at the higher rate.', array[
    'How do tax brackets work?', 'Will a raise make me pay more tax overall?', 'Do I lose money if I move up a tax bracket?',
    'Can you explain marginal tax rates?']),
(6, false, 'One joint account for shared costs, one own account each.', array[
    'How do couples share costs fairly?', 'Should we have a joint account?', 'My partner earns less, how do we split the rent?',
    'Joint account or separate accounts?']);

create temp table word_questions on commit drop as
select t.topic, row_number() over (partition by t.topic order by i.topic desc, i.answer collate "C")::int as intent, i.is_gap, i.answer, i.wordings
from word_topics as t join word_intents as i on i.topic in (0, t.topic);

create or replace function pg_temp.question_count() returns int immutable parallel safe language sql return 15;

create or replace function pg_temp.greetings() returns text[] immutable parallel safe language sql return array[
    'hi', 'Hello!', 'Hey there', 'Good morning 👋', 'Hello, I have a question', 'hi, are you there?', 'Guten Tag', 'مرحبا', 'Good evening everyone'];

create or replace function pg_temp.thanks() returns text[] immutable parallel safe language sql return array[
    'thanks', 'Thank you!', 'thx', 'Great, thank you so much', 'ok thanks, that helped a lot', 'Perfect 🙏', 'got it',
    'Awesome, that works now!', 'Merci beaucoup'];
