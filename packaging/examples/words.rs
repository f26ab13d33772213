//! # Words of a short story
//!
//! `data/harbour.txt` is a story of some eight hundred words. This notebook counts them, finds what stands beside what, answers
//! searches from an inverted index, and writes a few sentences of its own in the same voice.
//!
//! ```sh
//! venusctl run words.rs --set query.words="third book" --set length.words=3
//! ```

use std::collections::{BTreeMap, BTreeSet};
use venus::prelude::*;

const FILE: &str = "data/harbour.txt";

/// Words that say little about what a text is about.
const COMMON: &str = "a all an and as at be before but by come did do does for from go had has have he her his if in into is it its not of \
                      on one or she so that the their them then there they this to was were what when which who with";

/// Where a word stands: paragraph and sentence, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    paragraph: u32,
    sentence: u32,
}

#[derive(Clone, Debug)]
pub struct Sentence {
    place: Place,
    text: String,
}

impl Sentence {
    /// Lower-case words, without what is around them.
    fn words(&self) -> impl Iterator<Item = String> + '_ {
        self.text
            .split(|c: char| !c.is_alphanumeric() && c != '\'')
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
    }
}

/// All of a text, in order.
pub struct Sentences(Vec<Sentence>);

impl Render for Sentences {
    fn render_text(&self) -> String {
        let longest = self
            .0
            .iter()
            .max_by_key(|sentence| sentence.words().count());
        let longest = longest.map_or("", |sentence| sentence.text.as_str());
        format!("{} sentences; the longest:\n{longest}", self.0.len())
    }
}

/// Sentences end with a full stop or a question mark before a blank or the end of the paragraph.
fn split_sentences(text: &str) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    for (paragraph, block) in text.split("\n\n").enumerate() {
        let flat = block.split_whitespace().collect::<Vec<_>>().join(" ");
        let parts = flat
            .split_inclusive(|c| c == '.' || c == '?')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        for (sentence, part) in parts.enumerate() {
            let place = Place {
                paragraph: paragraph as u32 + 1,
                sentence: sentence as u32 + 1,
            };
            sentences.push(Sentence {
                place,
                text: part.to_string(),
            });
        }
    }
    sentences
}

/// Something counted, most frequent first; ties by name, so that the order is always the same.
pub struct Counts {
    what: &'static str,
    rows: Vec<(String, usize)>,
}

impl Counts {
    fn of(what: &'static str, names: impl Iterator<Item = String>) -> Counts {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for name in names {
            *counts.entry(name).or_insert(0) += 1;
        }
        let mut rows: Vec<(String, usize)> = counts.into_iter().collect();
        rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Counts { what, rows }
    }
}

impl Render for Counts {
    fn render_text(&self) -> String {
        let mut lines = vec![format!("{} different {}", self.rows.len(), self.what)];
        lines.extend(
            self.rows
                .iter()
                .take(12)
                .map(|(name, count)| format!("{count:>5}  {name}")),
        );
        lines.join("\n")
    }

    fn render_html(&self) -> Option<String> {
        let rows: String = self
            .rows
            .iter()
            .take(50)
            .map(|(name, count)| format!("<tr><td>{name}</td><td>{count}</td></tr>"))
            .collect();
        Some(format!(
            "<table><tr><th>{}</th><th>count</th></tr>{rows}</table>",
            self.what
        ))
    }
}

/// Which sentences a word stands in.
pub struct Index(BTreeMap<String, BTreeSet<Place>>);

impl Render for Index {
    fn render_text(&self) -> String {
        let places: usize = self.0.values().map(BTreeSet::len).sum();
        format!("{} words, {places} places", self.0.len())
    }
}

/// What a search found.
pub struct Hits {
    query: Vec<String>,
    sentences: Vec<Sentence>,
}

impl Hits {
    /// A sentence with its found words between two marks.
    fn marked(&self, sentence: &Sentence, before: &str, after: &str) -> String {
        let mark = |word: &str| {
            let bare: String = word
                .chars()
                .filter(|c| c.is_alphanumeric())
                .collect::<String>()
                .to_lowercase();
            if self.query.contains(&bare) {
                format!("{before}{word}{after}")
            } else {
                word.to_string()
            }
        };
        sentence
            .text
            .split(' ')
            .map(mark)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

impl Render for Hits {
    fn render_text(&self) -> String {
        let plural = if self.sentences.len() == 1 { "" } else { "s" };
        let mut lines = vec![format!(
            "{} sentence{plural} with {}",
            self.sentences.len(),
            self.query.join(" and ")
        )];
        for hit in &self.sentences {
            lines.push(format!(
                "  {}.{}  {}",
                hit.place.paragraph,
                hit.place.sentence,
                self.marked(hit, "[", "]")
            ));
        }
        lines.join("\n")
    }

    fn render_html(&self) -> Option<String> {
        let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
        let item = |hit: &Sentence| {
            let hit = Sentence {
                place: hit.place,
                text: escape(&hit.text),
            };
            format!("<li>{}</li>", self.marked(&hit, "<mark>", "</mark>"))
        };
        Some(format!(
            "<ul>{}</ul>",
            self.sentences.iter().map(item).collect::<String>()
        ))
    }
}

/// # The text
#[venus::cell]
pub fn text() -> Result<String, String> {
    std::fs::read_to_string(FILE).map_err(|error| format!("{FILE}: {error}"))
}

/// # Sentences
#[venus::cell]
pub fn sentences(text: &str) -> Sentences {
    Sentences(split_sentences(text))
}

/// # Which words count
///
/// Without the words that every text is full of, or with them.
#[venus::cell]
pub fn everything() -> bool {
    input_checkbox_labeled("all", "Count common words too", false)
}

/// # Frequent words
#[venus::cell]
pub fn frequent(sentences: &Sentences, everything: bool) -> Counts {
    let common: BTreeSet<&str> = COMMON.split_whitespace().collect();
    let words = sentences.0.iter().flat_map(|sentence| sentence.words());
    Counts::of(
        "words",
        words.filter(|word| everything || !common.contains(word.as_str())),
    )
}

/// # How many words go together
#[venus::cell]
pub fn length() -> usize {
    input_select_labeled("words", "Words in a row", &["2", "3", "4"], 0)
        .parse()
        .unwrap_or(2)
}

/// # Words that stand together
///
/// Within a sentence, and only those that occur more than once.
#[venus::cell]
pub fn together(sentences: &Sentences, length: usize) -> Counts {
    let runs = sentences.0.iter().flat_map(|sentence| {
        let words: Vec<String> = sentence.words().collect();
        words
            .windows(length)
            .map(|run| run.join(" "))
            .collect::<Vec<_>>()
    });
    let mut counts = Counts::of("phrases", runs);
    counts.rows.retain(|row| row.1 > 1);
    counts
}

/// # The index
///
/// Made once; a new search does not make it again.
#[venus::cell]
pub fn index(sentences: &Sentences) -> Index {
    let mut index: BTreeMap<String, BTreeSet<Place>> = BTreeMap::new();
    for sentence in &sentences.0 {
        for word in sentence.words() {
            index.entry(word).or_default().insert(sentence.place);
        }
    }
    Index(index)
}

/// # What to look for
///
/// All of the words must be in a sentence.
#[venus::cell]
pub fn query() -> String {
    input_text_labeled("words", "Search", "one word or more", "piano book")
}

/// # Found
#[venus::cell]
pub fn found(index: &Index, sentences: &Sentences, query: &str) -> Result<Hits, String> {
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    let first = words
        .first()
        .ok_or("there is nothing to look for: set query.words")?;
    let places = |word: &String| index.0.get(word).cloned().unwrap_or_default();
    let hits = words.iter().fold(places(first), |hits, word| {
        hits.intersection(&places(word)).copied().collect()
    });
    let sentences = sentences
        .0
        .iter()
        .filter(|sentence| hits.contains(&sentence.place))
        .cloned()
        .collect();
    Ok(Hits {
        query: words,
        sentences,
    })
}

/// # In the same voice
///
/// Sentences made by going from each two words to one that follows them somewhere in the story.
#[venus::cell]
pub fn voice(sentences: &Sentences) -> String {
    let mut next: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    let mut starts = Vec::new();
    for sentence in &sentences.0 {
        let words: Vec<String> = sentence.text.split(' ').map(str::to_string).collect();
        if words.len() > 2 {
            starts.push((words[0].clone(), words[1].clone()));
        }
        for run in words.windows(3) {
            next.entry((run[0].clone(), run[1].clone()))
                .or_default()
                .push(run[2].clone());
        }
    }
    let mut random: u64 = 40_961;
    let mut below = |limit: usize| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % limit.max(1)
    };
    let mut written = Vec::new();
    for _ in 0..4 {
        let (mut a, mut b) = starts[below(starts.len())].clone();
        written.push(a.clone());
        written.push(b.clone());
        for _ in 0..40 {
            let followers = match next.get(&(a, b.clone())) {
                Some(followers) => followers,
                None => break,
            };
            a = b;
            b = followers[below(followers.len())].clone();
            written.push(b.clone());
        }
    }
    written.join(" ")
}
