//! How many bad inputs the tests hold. What each is answered stands beside it; here only that there are enough, so that
//! none goes missing in silence.

use crate::{imports, segment};

/// Of the guarantees' table: a defined answer naming place and remedy, no panic, nothing lost.
const AT_LEAST: usize = 300;

#[test]
fn there_are_enough_and_none_went_missing() {
    let corpora = [
        (
            "rows and files: destroyed ids, formulas, encodings, broken quotes, cut archives, bombs",
            imports::bad::count(),
            128,
        ),
        ("addresses and telephone numbers that others collected", imports::collected::count(), 125),
        ("requests and events: JSON, packing, keys, sizes, depths", segment::bad::count(), 150),
    ];
    for (what, found, expected) in corpora {
        assert!(found >= expected, "{what}: {found}, and there were {expected}");
    }
    let refused: usize = corpora.iter().map(|(_, found, _)| found).sum();
    assert!(refused >= AT_LEAST, "{refused} bad inputs; {AT_LEAST} are promised");
    // Hostile rather than bad: these are kept to the byte, or told.
    assert!(segment::naughty::strings().len() >= 500);
    println!("{refused} bad inputs");
}
