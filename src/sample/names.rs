//! Words that the sample is made of. Made up; they name nobody.

/// A country, its cities, and given and family names in the scripts people there write in.
pub(super) struct Place {
    pub(super) country: &'static str,
    pub(super) cities: &'static [&'static str],
    pub(super) given: &'static [&'static str],
    pub(super) family: &'static [&'static str],
    /// Family name first.
    pub(super) family_first: bool,
}

const fn place(
    country: &'static str,
    cities: &'static [&'static str],
    given: &'static [&'static str],
    family: &'static [&'static str],
) -> Place {
    Place { country, cities, given, family, family_first: false }
}

pub(super) const PLACES: &[Place] = &[
    place("GB", &["Leeds", "Bath", "Stoke-on-Trent"], &["Ada", "Oliver", "Maeve"], &["O'Neill", "Hargreaves", "Lock"]),
    place("DE", &["Köln", "München", "Görlitz"], &["Jürgen", "Käthe", "Björn"], &["Müller", "Groß", "Weißenfels"]),
    place("FR", &["Orléans", "Besançon", "Nîmes"], &["Zoë", "François", "Hélène"], &["Lefèvre", "D’Aubigné", "Garçon"]),
    place("ES", &["Málaga", "A Coruña", "Logroño"], &["Íñigo", "Begoña", "José María"], &["Núñez", "Ibáñez", "Peña"]),
    place(
        "PL",
        &["Łódź", "Kraków", "Gdańsk"],
        &["Łukasz", "Żaneta", "Zdzisław"],
        &["Wiśniewski", "Dąbrowska", "Źrebiec"],
    ),
    place("TR", &["İzmir", "Diyarbakır", "Eskişehir"], &["Işıl", "İbrahim", "Gülşen"], &["Yıldız", "Çağlar", "Özgür"]),
    place("GR", &["Αθήνα", "Θεσσαλονίκη"], &["Ελένη", "Γιώργος"], &["Παπαδόπουλος", "Νικολάου"]),
    place("UA", &["Київ", "Львів", "Харків"], &["Олена", "Тарас", "Ївга"], &["Шевченко", "Коваль", "Ґудзь"]),
    place("IL", &["חיפה", "ירושלים"], &["נועה", "איתן"], &["לוי", "בן־דוד"]),
    place("EG", &["القاهرة", "الإسكندرية"], &["فاطمة", "يوسف"], &["حسن", "عبد الله"]),
    place("IN", &["मुंबई", "கோயம்புத்தூர்", "Pune"], &["अनन्या", "கார்த்திக்", "Ravi"], &["शर्मा", "சுப்பிரமணியம்", "Iyer"]),
    place("TH", &["เชียงใหม่", "กรุงเทพฯ"], &["สมชาย", "กัญญา"], &["แสงทอง", "ศรีสุข"]),
    Place {
        country: "JP",
        cities: &["東京", "大阪市", "さいたま"],
        given: &["さくら", "健太", "ヒカル"],
        family: &["髙橋", "佐藤", "𠮷田"],
        family_first: true,
    },
    Place {
        country: "CN",
        cities: &["北京", "杭州", "苏州"],
        given: &["雷", "梅", "子涵"],
        family: &["李", "王", "欧阳"],
        family_first: true,
    },
    Place {
        country: "KR",
        cities: &["서울", "부산"],
        given: &["민준", "서연"],
        family: &["김", "박"],
        family_first: true,
    },
    place(
        "US",
        &["Erie", "Lockport", "Winston-Salem"],
        &["Grace", "Booker", "Mary Ann"],
        &["Hopper", "Smith-Jones", "de la Cruz"],
    ),
];

pub(super) const NOTES: &[&str] = &[
    "prefers e-mail 📧",
    "asked twice about \"free\" delivery; said 'no'",
    "two\nlines, and a comma",
    "VIP 🛶",
    "moved house – check the address",
    "100% satisfied_customer \\o/",
    "",
    "👩‍👩‍👧 family account",
];

pub(super) const THINGS: &[&str] = &[
    "Kettle",
    "Teapot",
    "Lantern",
    "Rope",
    "Paddle",
    "Windlass",
    "Blanket",
    "Stove",
    "Café table",
    "Fender",
    "Mug",
    "Compass",
    "Tin of paint",
    "Brass bell",
    "Hammock",
    "Boathook",
    "Lamp",
    "Map of the canals",
    "Rucksack",
    "Flask",
];

pub(super) const MANNERS: &[&str] = &[
    "Small",
    "Large",
    "Folding",
    "Crème",
    "Enamelled",
    "Oak",
    "Copper",
    "Garden",
    "Traveller's",
    "Übergroß",
    "½-litre",
    "№ 7",
];

pub(super) const CATEGORIES: &[&str] = &["galley", "deck", "cabin", "outdoors", "gifts & books"];
