//! The rows of the tables in a Markdown document.

/// A row of a table, with its cells.
pub struct Row<'a> {
    pub cells: Vec<&'a str>,
}

impl Row<'_> {
    /// Its first cell.
    pub fn id(&self) -> &str {
        self.cells.first().copied().unwrap_or_default()
    }

    /// Whether it is named by this letter and a number.
    pub fn is_numbered(&self, letter: char) -> bool {
        let number = self.id().strip_prefix(letter);
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

/// All rows of all tables, their headings and rules included.
pub fn rows(text: &str) -> impl Iterator<Item = Row<'_>> {
    text.lines().filter_map(|line| {
        let inner = line.strip_prefix('|')?.strip_suffix('|')?;
        Some(Row { cells: inner.split('|').map(str::trim).collect() })
    })
}

/// Rows must be numbered from 1 to `last`, each once and in order, with so many digits at least.
pub fn faults_in_numbers(rows: &[Row<'_>], letter: char, digits: usize, last: usize) -> Vec<String> {
    let name = |number: usize| format!("{letter}{number:0digits$}");
    let mut faults = Vec::new();
    let mut before = name(0);
    let mut next = 1;
    for row in rows {
        let found = (next..=last).find(|number| row.id() == name(*number));
        if let Some(found) = found {
            faults.extend((next..found).map(|number| format!("{} is missing", name(number))));
            next = found + 1;
        } else {
            faults.push(format!("{} follows {before}", row.id()));
            // In the place of another.
            next += usize::from(!row_is_known(row.id(), last, name));
        }
        row.id().clone_into(&mut before);
    }
    faults.extend((next..=last).map(|number| format!("{} is missing", name(number))));
    faults
}

fn row_is_known(id: &str, last: usize, name: impl Fn(usize) -> String) -> bool {
    (1..=last).any(|number| id == name(number))
}
