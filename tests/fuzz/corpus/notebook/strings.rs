const A: &str = "
#[cell]
fn x() {}
";
const B: &str = r#"
fn y() {
"#;
const C: char = '"'; const D: u8 = b'{'; /* /* { */ " */
fn f<'a>() {}
