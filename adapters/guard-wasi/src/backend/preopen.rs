//! Which of the directories that the host gives leads to a path.

/// A path in parts. `None` if one of them is `..`: it could lead out of the directory that it seems to be in.
pub(super) fn parts(path: &str) -> Option<Vec<&str>> {
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    (!parts.contains(&"..")).then_some(parts)
}

/// The directory of these names that leads farthest along a path, and what of the path is left. As in every WASI program, a
/// path means the same with a slash in front of it and without.
pub(super) fn choose<'a>(names: &[String], path: &[&'a str]) -> Option<(usize, Vec<&'a str>)> {
    let lead = |name: &String| {
        let name = parts(name)?;
        path.starts_with(&name).then_some(name.len())
    };
    let leading = names.iter().enumerate().filter_map(|(index, name)| Some((lead(name)?, index)));
    let (length, index) = leading.max_by_key(|(length, _)| *length)?;
    Some((index, path.iter().skip(length).copied().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[&str], path: &str) -> Option<(usize, String)> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        choose(&names, &parts(path)?).map(|(index, rest)| (index, rest.join("/")))
    }

    /// A queue that is opened in another directory than the one that was meant finds none of its records.
    #[test]
    fn the_directory_that_leads_farthest_is_taken() {
        let some = |index, rest: &str| Some((index, rest.to_owned()));
        assert_eq!(chosen(&["/"], "/"), some(0, ""));
        assert_eq!(chosen(&["/"], "queue"), some(0, "queue"));
        assert_eq!(chosen(&["."], "./queue//one"), some(0, "queue/one"));
        assert_eq!(chosen(&["/", "/data"], "/data/q"), some(1, "q"));
        assert_eq!(chosen(&["/data", "/"], "/database"), some(1, "database"));
        assert_eq!(chosen(&["/data"], "/other"), None);
        assert_eq!(chosen(&[], "/"), None);
        assert_eq!(chosen(&["/data"], "/data/../secret"), None);
    }
}
