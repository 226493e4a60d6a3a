//! The known name that an unknown one may have meant.

/// A question that suggests the most similar known name, as the middle of a message: it begins with a
/// space. Empty if no known name is similar.
pub fn did_you_mean<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let distance = |known: &str| strsim::damerau_levenshtein(name, known);
    let nearest = known.into_iter().map(|known| (distance(known), known)).min();
    match nearest {
        // At most three edits, and at most one for three characters.
        Some((distance, known)) if distance <= 3 && distance * 3 <= name.chars().count() => {
            format!(" did you mean `{known}`?")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_similar_name_is_suggested() {
        let known = ["GET /sync", "POST /rooms/{roomId}/leave", "join.gate"];
        assert_eq!(did_you_mean("join.gat", known), " did you mean `join.gate`?");
        assert_eq!(did_you_mean("GET /sink", known), " did you mean `GET /sync`?");
        for name in ["zzz", "", "POST /rooms/{roomId}/peek", "GET /x"] {
            assert_eq!(did_you_mean(name, known), "", "{name}");
        }
    }
}
