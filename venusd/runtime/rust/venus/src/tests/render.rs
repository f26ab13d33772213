use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use crate::__rt::Show;
use crate::render::image_mime;
use crate::{Json, Render};

#[test]
fn text_of_std() {
    assert_eq!(20.0f64.render_text(), "20.0");
    assert_eq!("a\nb".render_text(), "a\nb");
    assert_eq!(vec!["a", "b"].render_text(), "[\"a\", \"b\"]");
    assert_eq!(vec![1.0, 2.5].render_text(), "[1.0, 2.5]");
    assert_eq!((1, 'x', "y").render_text(), "(1, 'x', \"y\")");
    assert_eq!((1,).render_text(), "(1,)");
    assert_eq!(Some("a").render_text(), "Some(\"a\")");
    assert_eq!(None::<u8>.render_text(), "None");
    assert_eq!(BTreeMap::from([("a", 1)]).render_text(), "{\"a\": 1}");
    assert_eq!(HashMap::from([(10, 'a'), (9, 'b')]).render_text(), "{9: 'b', 10: 'a'}");
    let long = vec![0u8; 5000].render_text();
    assert!(long.ends_with(", … (5000 in all)]"), "{}", &long[long.len() - 40..]);
}

#[test]
fn tables() {
    assert_eq!(vec![1, 2].render_html(), None);
    let html = vec![(1, "<"), (2, "b")].render_html().unwrap();
    assert_eq!(html, "<table><tbody><tr><td>1</td><td>&lt;</td></tr><tr><td>2</td><td>b</td></tr></tbody></table>");
    let records = vec![BTreeMap::from([("x", 1)]), BTreeMap::from([("x", 2), ("y", 3)])];
    let html = records.render_html().unwrap();
    assert!(html.starts_with("<table><thead><tr><th>x</th><th>y</th></tr></thead>"), "{html}");
    assert!(html.contains("<tr><td>1</td><td></td></tr>"), "{html}");
    let grid = vec![vec![0.5; 2]; 600].render_html().unwrap();
    assert!(grid.ends_with("<p>500 of 600 rows</p>"));
    assert_eq!(BTreeMap::from([("a", 1)]).render_html().unwrap(), "<table><tbody><tr><td>a</td><td>1</td></tr></tbody></table>");
}

#[test]
fn json() {
    let value = Json(BTreeMap::from([("n", vec![1.0, 0.5]), ("empty", vec![])]));
    assert_eq!(value.render_text(), "{\n  \"n\": [1.0, 0.5],\n  \"empty\": []\n}");
    assert_eq!(value.render_data(), Some(value.render_text()));
    assert_eq!(Json(("a\"\n\u{1}", None::<u8>, f64::NAN)).render_text(), "[\n  \"a\\\"\\n\\u0001\",\n  null,\n  null\n]");
    assert_eq!(Json(HashMap::from([(1, 0.1)])).render_text(), "{\n  \"1\": 0.1\n}");
    assert_eq!(Json(u128::MAX).render_text(), u128::MAX.to_string());
    assert_eq!(Json(vec![0.1f32]).render_text(), "[0.1]");
}

#[test]
fn images() {
    assert_eq!(image_mime(b"\x89PNG\r\n\x1a\nrest"), "image/png");
    assert_eq!(image_mime(b"<?xml version='1.0'?><svg/>"), "image/svg+xml");
    assert_eq!(image_mime(b"\xff"), "application/octet-stream");
}

#[test]
fn text_is_cut_between_characters() {
    let mut show = Show::new(4);
    show.text.write_str("aß").unwrap();
    show.text.write_str("ßb").unwrap();
    show.text.write_str("c").unwrap();
    assert_eq!((show.text.kept.as_str(), show.text.full), ("aß", 7));
}
