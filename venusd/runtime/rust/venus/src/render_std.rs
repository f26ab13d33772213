//! `Render` of std's types: numbers as `Debug` writes them, text as itself, collections like `Debug` with a table beside.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::num::*;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::render::Render;
use crate::table;

/// Elements beyond this are counted, not shown.
pub const ITEMS_MAX: usize = 1000;

macro_rules! debug {
    ($($t:ty)*) => {$(
        impl Render for $t {
            fn render_text(&self) -> String {
                format!("{self:?}")
            }
        }
    )*};
}

debug! {
    u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 bool Duration
    NonZeroU8 NonZeroU16 NonZeroU32 NonZeroU64 NonZeroU128 NonZeroUsize
    NonZeroI8 NonZeroI16 NonZeroI32 NonZeroI64 NonZeroI128 NonZeroIsize
}

impl Render for () {
    fn render_text(&self) -> String {
        "()".to_owned()
    }
}

macro_rules! text {
    ($($t:ty, $self:ident => $text:expr;)*) => {$(
        impl Render for $t {
            fn render_text(&$self) -> String {
                $text
            }
            fn __inner(&self) -> String {
                format!("{self:?}")
            }
        }
    )*};
}

text! {
    str, self => self.to_owned();
    String, self => self.clone();
    char, self => self.to_string();
    Path, self => self.display().to_string();
    PathBuf, self => self.display().to_string();
}

/// What stands for its content shows as it.
macro_rules! through {
    ($([$($generics:tt)*] $t:ty;)*) => {$(
        impl<$($generics)*> Render for $t {
            fn render_text(&self) -> String {
                (**self).render_text()
            }
            fn render_html(&self) -> Option<String> {
                (**self).render_html()
            }
            fn render_image(&self) -> Option<Vec<u8>> {
                (**self).render_image()
            }
            fn render_data(&self) -> Option<String> {
                (**self).render_data()
            }
            fn __inner(&self) -> String {
                (**self).__inner()
            }
            fn __row(&self) -> Option<Vec<String>> {
                (**self).__row()
            }
            fn __record(&self) -> Option<Vec<(String, String)>> {
                (**self).__record()
            }
        }
    )*};
}

through! {
    ['a, T: Render + ?Sized] &'a T;
    ['a, T: Render + ?Sized] &'a mut T;
    [T: Render + ?Sized] Box<T>;
    [T: Render + ?Sized] Rc<T>;
    [T: Render + ?Sized] Arc<T>;
    ['a, T: Render + ToOwned + ?Sized] Cow<'a, T>;
}

/// "[a, b, … (5 in all)]"
fn listed(open: &str, close: &str, total: usize, items: impl Iterator<Item = String>) -> String {
    let mut out = String::from(open);
    for (index, item) in items.take(ITEMS_MAX).enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        out.push_str(&item);
    }
    if total > ITEMS_MAX {
        out.push_str(&format!(", … ({total} in all)"));
    }
    out.push_str(close);
    out
}

macro_rules! list {
    ($([$($generics:tt)*] $t:ty, $open:expr, $close:expr;)*) => {$(
        impl<$($generics)*> Render for $t {
            fn render_text(&self) -> String {
                listed($open, $close, self.len(), self.iter().map(Render::__inner))
            }
            fn render_html(&self) -> Option<String> {
                table::of_elements(self.iter(), self.len())
            }
            fn __row(&self) -> Option<Vec<String>> {
                Some(self.iter().take(ITEMS_MAX).map(Render::__inner).collect())
            }
        }
    )*};
}

list! {
    [T: Render] [T], "[", "]";
    [T: Render] Vec<T>, "[", "]";
    [T: Render] VecDeque<T>, "[", "]";
    [T: Render, const N: usize] [T; N], "[", "]";
    [T: Render] BTreeSet<T>, "{", "}";
}

/// A set without an order shows in the order of its texts.
impl<T: Render, S> Render for HashSet<T, S> {
    fn render_text(&self) -> String {
        let mut items: Vec<String> = self.iter().map(Render::__inner).collect();
        items.sort_unstable_by(|a, b| natural(a, b));
        listed("{", "}", items.len(), items.into_iter())
    }
}

fn entries<'a, K: Render + 'a, V: Render + 'a>(
    entries: impl Iterator<Item = (&'a K, &'a V)>,
) -> Vec<(String, String)> {
    entries.map(|(key, value)| (key.__inner(), value.__inner())).collect()
}

/// A map's keys are headings: strings without their quotes.
fn record<'a, K: Render + 'a, V: Render + 'a>(
    entries: impl Iterator<Item = (&'a K, &'a V)>,
) -> Vec<(String, String)> {
    entries.map(|(key, value)| (key.render_text(), value.render_text())).collect()
}

fn map_text(total: usize, entries: Vec<(String, String)>) -> String {
    listed("{", "}", total, entries.into_iter().map(|(key, value)| key + ": " + &value))
}

fn map_html(total: usize, entries: Vec<(String, String)>) -> String {
    let rows: Vec<Vec<String>> =
        entries.into_iter().take(table::ROWS_MAX).map(|(key, value)| vec![key, value]).collect();
    table::table(&[], &rows, total)
}

impl<K: Render, V: Render> Render for BTreeMap<K, V> {
    fn render_text(&self) -> String {
        map_text(self.len(), entries(self.iter().take(ITEMS_MAX)))
    }

    fn render_html(&self) -> Option<String> {
        Some(map_html(self.len(), record(self.iter().take(table::ROWS_MAX))))
    }

    fn __record(&self) -> Option<Vec<(String, String)>> {
        Some(record(self.iter().take(ITEMS_MAX)))
    }
}

/// A map without an order shows in the order of its keys' texts.
impl<K: Render, V: Render, S> Render for HashMap<K, V, S> {
    fn render_text(&self) -> String {
        map_text(self.len(), ordered(entries(self.iter())))
    }

    fn render_html(&self) -> Option<String> {
        Some(map_html(self.len(), ordered(record(self.iter()))))
    }

    fn __record(&self) -> Option<Vec<(String, String)>> {
        Some(ordered(record(self.iter())))
    }
}

fn ordered(mut entries: Vec<(String, String)>) -> Vec<(String, String)> {
    entries.sort_unstable_by(|a, b| natural(&a.0, &b.0).then_with(|| a.cmp(b)));
    entries
}

/// Numbers by their size, before all else, which goes by its text.
fn natural(a: &str, b: &str) -> Ordering {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.total_cmp(&b),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    }
}

impl<T: Render> Render for Option<T> {
    fn render_text(&self) -> String {
        self.as_ref().map_or("None".to_owned(), |value| format!("Some({})", value.__inner()))
    }

    fn render_html(&self) -> Option<String> {
        self.as_ref()?.render_html()
    }

    fn render_image(&self) -> Option<Vec<u8>> {
        self.as_ref()?.render_image()
    }

    fn render_data(&self) -> Option<String> {
        self.as_ref()?.render_data()
    }
}

impl<T: Render, E: Render> Render for Result<T, E> {
    fn render_text(&self) -> String {
        match self {
            Ok(value) => format!("Ok({})", value.__inner()),
            Err(error) => format!("Err({})", error.__inner()),
        }
    }

    fn render_html(&self) -> Option<String> {
        self.as_ref().ok()?.render_html()
    }

    fn render_image(&self) -> Option<Vec<u8>> {
        self.as_ref().ok()?.render_image()
    }

    fn render_data(&self) -> Option<String> {
        self.as_ref().ok()?.render_data()
    }
}

macro_rules! tuple {
    ($($name:ident $index:tt),*) => {
        impl<$($name: Render),*> Render for ($($name,)*) {
            fn render_text(&self) -> String {
                let parts = [$(self.$index.__inner()),*];
                match parts.len() {
                    1 => format!("({},)", parts[0]),
                    _ => format!("({})", parts.join(", ")),
                }
            }
            fn __row(&self) -> Option<Vec<String>> {
                Some(vec![$(self.$index.render_text()),*])
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
