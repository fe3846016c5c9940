"""What the tools do: plain heuristics that say how they came to what they say. No model is asked."""

import re
from collections import Counter
from dataclasses import dataclass

STOP_WORDS = frozenset("""
a about above across after again against all also an and any are as at be because been before being below
between both but by can could did do does doing down during each few for from further had has have having he
her here hers him his how i if in into is it its itself just like me more most my no nor not now of off on
once only or other our ours out over own per same she should so some such than that the their theirs them
then there these they this those through to too under until up us very was we were what when where which
while who whom why will with within without would you your yours including include includes etc using use
used work worked working job role team teams years year experience experienced strong good great ability able
plus must required requirements requirement preferred nice responsibilities responsible looking new well
know knows knowledge need needs needed
""".split())
# Names that are more than letters, which a plain split would break.
NAMES = ("c++", "c#", ".net", "node.js", "next.js", "vue.js", "ci/cd", "a/b testing", "machine learning",
         "deep learning", "data science", "data analysis", "project management", "product management",
         "object oriented", "unit testing", "version control", "rest api", "user research",
         "customer service", "public speaking", "supply chain", "power bi", "google analytics")
REQUIRED = re.compile(r"\b(must|require[ds]?|requirement|essential|need(ed|s)?|minimum)\b", re.I)
OPTIONAL = re.compile(r"\b(nice to have|preferred|plus|bonus|ideally|desirable)\b", re.I)
ACTION_VERBS = frozenset("""
achieved accelerated automated built cut coached created decreased delivered designed developed directed drove
earned established exceeded expanded founded generated grew implemented improved increased introduced launched
led managed mentored migrated negotiated optimized organized owned planned presented produced reduced
redesigned researched resolved restructured saved scaled secured shipped simplified solved streamlined
strengthened taught trained transformed won wrote
""".split())
CLICHES = ("hard worker", "team player", "detail oriented", "detail-oriented", "results driven",
           "results-driven", "go-getter", "think outside the box", "synergy", "self starter", "self-starter",
           "dynamic", "passionate", "motivated", "references available upon request")
WEAK = ("responsible for", "helped with", "worked on", "assisted with", "duties included", "tasked with")
NUMBER = re.compile(r"\d")


@dataclass(frozen=True)
class Keyword:
    word: str
    count: int
    weight: float


def terms(text):
    """Words and known names, in their order, in lower case."""
    rest = f" {text.lower()} "
    found = []
    for name in NAMES:
        pattern = re.compile(rf"(?<![\w+#]){re.escape(name)}(?![\w+#])")
        found += [name] * len(pattern.findall(rest))
        rest = pattern.sub(" | ", rest)
    words = re.findall(r"[^\W\d_][\w+#.-]*[\w+#]|[^\W\d_]", rest)
    return found + [word for word in words if word not in STOP_WORDS and len(word) > 1]


def pairs(text):
    """Two words side by side, neither of them a stop word."""
    for line in re.split(r"[\n.;:,()|•]", text.lower()):
        words = re.findall(r"[^\W\d_][\w+#-]*", line)
        for first, second in zip(words, words[1:]):
            if not {first, second} & STOP_WORDS and len(first) > 2 and len(second) > 2:
                yield f"{first} {second}"


def keywords(text, most=20):
    """What a text is about: how often a term stands there, more for names and for pairs that recur."""
    counts = Counter(terms(text))
    repeated = {pair: number for pair, number in Counter(pairs(text)).items() if number > 1}
    whole = sum(counts.values()) or 1
    weights = {word: number / whole * (2.0 if word in NAMES else 1.0) for word, number in counts.items()}
    for pair, number in repeated.items():
        counts[pair], weights[pair] = number, 3.0 * number / whole
    ordered = sorted(weights, key=lambda word: (-weights[word], word))[:most]
    return [Keyword(word, counts[word], round(weights[word], 4)) for word in ordered]


def job_match(resume, job, most=25):
    """Which of the job's terms the résumé has; what is required counts three times what is optional."""
    wanted = {}
    for line in re.split(r"[\n.;]", job):
        weight = 3.0 if REQUIRED.search(line) else 0.5 if OPTIONAL.search(line) else 1.0
        for term in set(terms(line)):
            wanted[term] = max(weight, wanted.get(term, 0.0))
    counts = Counter(terms(job))
    chosen = sorted(wanted, key=lambda term: (-wanted[term] * counts[term], term))[:most]
    has = set(terms(resume))
    found = [term for term in chosen if term in has or stem(term) in {stem(word) for word in has}]
    missing = [term for term in chosen if term not in found]
    whole = sum(wanted[term] for term in chosen)
    score = round(100 * sum(wanted[term] for term in found) / whole) if whole else 0
    return {"score": score, "found": found, "missing": missing,
            "required_missing": [term for term in missing if wanted[term] == 3.0],
            "explanation": f"{len(found)} of the {len(chosen)} terms that weigh most in the job are in the "
                           "résumé; terms beside words like “must” count three times, “nice to have” half."}


def stem(word):
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) > len(ending) + 3:
            return word[:-len(ending)]
    return word


def feedback(resume):
    """Sentences of advice, one after the other, each with what it is said of."""
    lines = [line.strip(" \t•*-–") for line in resume.splitlines() if line.strip(" \t•*-–")]
    words = re.findall(r"[^\W\d_][\w'-]*", resume)
    yield f"Your résumé has {len(words)} words in {len(lines)} lines. " + length_advice(len(words))
    bullets = [line for line in lines if len(line.split()) >= 4]
    strong = [line for line in bullets if first_word(line) in ACTION_VERBS]
    if bullets:
        yield (f"{len(strong)} of {len(bullets)} points begin with what you did (built, led, reduced …). "
               + ("That reads well." if len(strong) * 2 >= len(bullets)
                  else f"Try it on: “{cut(next(line for line in bullets if line not in strong))}”."))
        counted = [line for line in bullets if NUMBER.search(line)]
        yield (f"{len(counted)} of {len(bullets)} points say how much. "
               + ("Keep that." if len(counted) * 3 >= len(bullets)
                  else "A number (people, money, time, percent) makes a claim checkable."))
    low = resume.lower()
    for phrase in WEAK:
        if phrase in low:
            yield f"“{phrase}” hides what you did: begin with the verb of the result instead."
    cliches = [phrase for phrase in CLICHES if phrase in low]
    if cliches:
        yield "Everybody writes “" + "”, “".join(cliches[:4]) + "”: show it by an example or leave it out."
    people = len(re.findall(r"\b(i|my|me)\b", low))
    if people > 3:
        yield f"“I”, “my” and “me” stand there {people} times; points read better without."
    for kind, pattern in (("email address", r"[\w.+-]+@[\w-]+\.[\w.]+"),
                          ("dates", r"\b(19|20)\d\d\b")):
        if not re.search(pattern, resume):
            yield f"I found no {kind}: those who read hundreds look for it first."
    top = ", ".join(keyword.word for keyword in keywords(resume, 5))
    yield f"What it says most is: {top}. Is that what the job asks for?" if top else "It says little yet."


def length_advice(words):
    if words < 150:
        return "That is short: a page has 350 to 600."
    return "That is long: who reads it has a minute." if words > 900 else "That is a good length."


def first_word(line):
    return re.split(r"\W+", line.lower(), maxsplit=1)[0]


def cut(text, most=60):
    return text if len(text) <= most else text[:most - 1].rstrip() + "…"
