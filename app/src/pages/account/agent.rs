//! What a browser calls itself (`User-Agent`, RFC 9110), in a few words.

/// Product words in the order in which they tell: later browsers carry the names of earlier ones.
const BROWSERS: [(&str, &str); 9] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
];

const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
    ("BSD", "BSD"),
];

/// Longest shown name of an unknown browser, characters.
const LONGEST: usize = 40;

/// Returns words such as `Firefox on Linux`; of an unknown browser its own first word.
pub fn words(user_agent: &str) -> String {
    let find = |table: &[(&str, &'static str)]| {
        let known = table.iter().find(|(mark, _)| user_agent.contains(mark));
        known.map(|(_, word)| *word)
    };
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => format!("A browser on {system}"),
        (None, None) => first_word(user_agent),
    }
}

fn first_word(user_agent: &str) -> String {
    let word = user_agent.split([' ', '/']).find(|word| !word.is_empty());
    match word {
        Some(word) => word.chars().take(LONGEST).collect(),
        None => "Unknown browser".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn common_browsers_are_told_apart() {
        let mozilla = "Mozilla/5.0";
        for (agent, told) in [
            (
                format!("{mozilla} (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
                "Firefox on Linux",
            ),
            (
                format!(
                    "{mozilla} (Windows NT 10.0) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0"
                ),
                "Edge on Windows",
            ),
            (
                format!(
                    "{mozilla} (Linux; Android 15) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36"
                ),
                "Chrome on Android",
            ),
            (
                format!(
                    "{mozilla} (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1"
                ),
                "Safari on iPhone",
            ),
            ("curl/8.5.0".to_owned(), "curl"),
            (String::new(), "Unknown browser"),
            ("é".repeat(200), &"é".repeat(40)),
        ] {
            assert_eq!(words(&agent), told, "{agent}");
        }
    }
}
