/** a
 * b
 */
#[doc = "# x\u{41}\x41\n"]
#[doc = r##"raw"##]
#[cell]
fn a() {}
/// dangling
