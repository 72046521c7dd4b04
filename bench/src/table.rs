//! A Markdown table that reads well as plain text too.

/// A table whose first column is text and whose others are numbers. `head` and every row have as many cells.
pub(crate) fn table<const COLUMNS: usize>(
    head: [&str; COLUMNS],
    rows: Vec<[String; COLUMNS]>,
) -> String {
    let head = head.map(str::to_owned);
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
        let cells = rows.iter().chain([&head]).map(|row| row[column].len());
        cells.max().unwrap_or_default()
    });
    let rule = std::array::from_fn(|column| match widths[column] {
        width if column == 0 => "-".repeat(width),
        width => format!("{:->width$}", ":"),
    });
    let mut text = String::new();
    for row in [head, rule].into_iter().chain(rows) {
        let cells: [String; COLUMNS] = std::array::from_fn(|column| match widths[column] {
            width if column == 0 => format!("{:<width$}", row[column]),
            width => format!("{:>width$}", row[column]),
        });
        text += "| ";
        text += &cells.join(" | ");
        text += " |\n";
    }
    text
}

/// A number with commas: `1,000,000`.
pub(crate) fn thousands(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = vec![
            ["read".to_owned(), thousands(1_000_000)],
            ["write".to_owned(), thousands(999)],
        ];
        let expected = "\
| case  |      rows |
| ----- | --------: |
| read  | 1,000,000 |
| write |       999 |
";
        assert_eq!(table(["case", "rows"], rows), expected);
    }
}
