"""The words of the demo workspace: names of people by region, teams, assistants, workflows, models.

Several scripts, an emoji and a few very long names are in on purpose: pages, charts and exports must carry them.
Names are looked up by a running number and never run out: further rounds get a mark of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Pair = tuple[str, str]  # as people write it, as an email address writes it


@dataclass(frozen=True, slots=True)
class Culture:
    """Given and family names that go together. `surname_first` joins them without a space, as Japanese does."""

    given: tuple[Pair, ...]
    family: tuple[Pair, ...]
    surname_first: bool = False

    def name(self, given: int, family: int) -> Pair:
        first, last = self.given[given % len(self.given)], self.family[family % len(self.family)]
        shown = f"{last[0]}{first[0]}" if self.surname_first else f"{first[0]} {last[0]}"
        return shown, f"{first[1]}.{last[1]}"


def _pairs(text: str) -> tuple[Pair, ...]:
    """`Jörg=joerg Anna` → (("Jörg", "joerg"), ("Anna", "anna")); an underscore stands for a space."""
    split = (word.partition("=") for word in text.split())
    return tuple((shown.replace("_", " "), ascii_ or shown.lower().replace("_", "-")) for shown, _, ascii_ in split)


GERMAN = Culture(
    _pairs(
        "Anna Jörg=joerg Katharina Lukas Miriam Felix Sophie Jonas Änne=aenne Tobias Clara Maximilian Lena Sebastian "
        "Johanna Paul Franziska Niklas Greta Moritz Helene Björn=bjoern Ida Matthias"
    ),
    _pairs(
        "Müller=mueller Schäfer=schaefer Weiß=weiss Hoffmann Krüger=krueger Vogt Lindemann Böhm=boehm Sommer Brandt "
        "Öztürk=oeztuerk Kowalski Nowak Yılmaz=yilmaz Fuchs Winter Großmann=grossmann "
        "Freiherr_von_Schönburg-Hohenlohe=von-schoenburg-hohenlohe Meyer-Lüdenscheid=meyer-luedenscheid Peters"
    ),
)
ENGLISH = Culture(
    _pairs(
        "Olivia Liam Emma Noah Ava Ethan Grace Mason Chloe Daniel Zoe Henry Maya Samuel Ruby Isaac Hannah Owen "
        "Siobhán=siobhan Marcus Alexandria-Josephine Theodore"
    ),
    _pairs(
        "Carter Bennett Hughes O'Connor=oconnor Brooks Sullivan Reed Foster Hayes Coleman Patel Nguyen Jenkins Ward "
        "Price Griffin Wallace Fitzgerald-Montgomery Okafor Whitfield"
    ),
)
SPANISH = Culture(
    _pairs("Lucía=lucia Mateo Valentina Diego Camila Andrés=andres Sofía=sofia Javier Inés=ines Rodrigo"),
    _pairs(
        "García=garcia Hernández=hernandez Núñez=nunez Morales Peña=pena Castillo Ibáñez=ibanez Vargas "
        "de_la_Cruz_y_Fernández-Villaverde=delacruz Rojas"
    ),
)
CYRILLIC = Culture(
    _pairs("Юлия=yulia Дмитрий=dmitry Ольга=olga Алексей=alexey Наталія=nataliia Іван=ivan Екатерина=ekaterina"),
    _pairs("Шевченко=shevchenko Коваленко=kovalenko Бондар=bondar Мельник=melnyk Ткаченко=tkachenko Кравчук=kravchuk"),
)
ARABIC = Culture(
    _pairs("ليلى=layla عمر=omar نور=nour يوسف=youssef مريم=maryam خالد=khaled"),
    _pairs("الحسيني=alhusseini منصور=mansour حداد=haddad الشريف=alsharif ناصر=nasser قاسم=qasim"),
)
JAPANESE = Culture(
    _pairs(
        "さくら=sakura 健太=kenta 美咲=misaki 大輔=daisuke 陽子=yoko 翔太=shota 結衣=yui 直樹=naoki 彩=aya 悠人=yuto"
    ),
    _pairs(
        "佐藤=sato 鈴木=suzuki 高橋=takahashi 田中=tanaka 伊藤=ito 渡辺=watanabe 山本=yamamoto 中村=nakamura "
        "小林=kobayashi 加藤=kato"
    ),
    surname_first=True,
)
CHINESE = Culture(
    _pairs("伟=wei 芳=fang 秀英=xiuying 敏=min 静=jing 磊=lei"),
    _pairs("王=wang 李=li 张=zhang 刘=liu 陈=chen 杨=yang"),
    surname_first=True,
)
# By zone of `seasons.ZONES`: who works there, and how many in ten.
BY_ZONE: tuple[tuple[Culture, ...], ...] = (
    (GERMAN,) * 7 + (CYRILLIC,) * 2 + (ARABIC,),
    (ENGLISH,) * 6 + (SPANISH,) * 3 + (CHINESE,),
    (JAPANESE,) * 9 + (CHINESE,),
)

TEAMS = (
    "Engineering",
    "Customer Success",
    "Sales",
    "Marketing & Brand",
    "Finance",
    "Legal & Compliance",
    "People Operations",
    "東京オフィス",
    "Product Design",
    "Data Platform",
    "Einkauf und strategisches Lieferantenmanagement",
    "Research",
    "Поддержка клиентов",
    "IT Security",
    "Field Service",
    "فريق الشرق الأوسط",
)
TEAM_DESCRIPTIONS = {
    "Engineering": "Builds and runs the product.",
    "Customer Success": "Onboards customers and answers them.",
    "Sales": "Finds customers and writes offers.",
    "Marketing & Brand": "Campaigns, events and how we sound.",
    "Finance": "Budgets, invoices and reports.",
    "Legal & Compliance": "Contracts, data protection and audits.",
    "People Operations": "Hiring, onboarding and benefits.",
}
TEAM_COLORS = ("#3b82f6", "#10b981", "#f59e0b", "#8b5cf6", "#ef4444", "#06b6d4", "#84cc16", "#ec4899")
ASSISTANTS = (
    "Contract Reviewer",
    "Support Reply Writer",
    "Code Companion",
    "Meeting Notes",
    "SQL Helper",
    "Proposal Drafter",
    "Onboarding-Begleiter für neue Kolleginnen und Kollegen im technischen Außendienst",
    "議事録アシスタント",
    "Translation Desk",
    "Brand Voice Editor",
    "🚀 Launch Copywriter",
    "Policy Finder",
    "Помощник по договорам",
    "Tender Analyst",
    "Interview Guide",
    "Expense Checker",
    "مساعد الترجمة",
    "Release Notes Writer",
    "Data Privacy Advisor",
    "Sales Call Coach",
    "Reisekosten & Spesen",
    "Incident Summariser",
    "営業メール作成",
    "Market Research Scout",
    "Spreadsheet Doctor",
    "Job Ad Writer",
    "Quarterly Business Review Preparation Assistant (EMEA and Asia-Pacific, internal use only)",
    "Test Case Generator",
    "Glossary Keeper",
    "Newsletter Editor",
    "Architecture Critic",
    "Warranty Desk",
    "Learning Coach",
    "Slide Storyliner",
    "Rechnungsprüfung",
    "Feedback Sorter",
)
WORKFLOWS = (
    "Daily support digest",
    "Invoice intake",
    "Lead enrichment",
    "Weekly KPI report",
    "Contract comparison",
    "Candidate screening",
    "Angebotserstellung inklusive Kalkulation, Rechtsprüfung und Freigabe durch die Bereichsleitung",
    "日次レポート",
    "Release checklist",
    "Ticket triage",
    "Translate product pages",
    "Перевод договоров",
    "RFP answer draft",
    "Social media plan 📅",
    "Security questionnaire",
    "Churn risk review",
    "Meeting follow-up",
    "Price list update",
    "Monthly closing notes",
    "Knowledge base refresh",
)
MODELS = (
    "gpt-5",
    "gpt-5-mini",
    "claude-sonnet-4-5",
    "claude-haiku-4-5",
    "gemini-2.5-pro",
    "mistral-large-2",
    "llama-3.3-70b-instruct",
    "text-embedding-3-large",
)
REASONING_MODELS = (True, False, True, False, True, False, False, False)
SMALL_MODELS = (1, 3)  # titles and summaries
EMBEDDING_MODEL = 7


def numbered(words: tuple[str, ...], count: int) -> list[str]:
    """`count` different names: the words, then each again with a number."""
    return [f"{word} · {n // len(words) + 1}" if n >= len(words) else word for n, word in _cycle(words, count)]


def _cycle(words: tuple[str, ...], count: int) -> list[tuple[int, str]]:
    return [(n, words[n % len(words)]) for n in range(count)]


def people(zones: np.ndarray, rng: np.random.Generator) -> list[Pair]:
    """(name, local part of the email address) for people of these zones; every local part once."""
    draws = rng.integers(0, 1 << 20, size=(len(zones), 3)).tolist()
    taken: dict[str, int] = {}
    pairs = []
    for zone, (culture, given, family) in zip(zones.tolist(), draws, strict=True):
        name, local = BY_ZONE[zone][culture % len(BY_ZONE[zone])].name(given, family)
        taken[local] = taken.get(local, 0) + 1
        pairs.append((name, f"{local}{taken[local]}" if taken[local] > 1 else local))
    return pairs
