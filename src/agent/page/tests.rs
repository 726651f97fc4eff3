use std::{collections::BTreeSet, path::Path};

use super::*;

/// Every file of the folder that a browser reads.
fn files() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/agent/page");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let own = names.filter(|name| !name.ends_with(".rs") && !name.ends_with(".d.ts") && name != "index.html");
    own.chain(["style.css", "crosshair.js"].map(str::to_owned)).collect()
}

/// The values of `attribute="…"`, and what modules import.
fn quoted<'t>(text: &'t str, before: &str) -> Vec<&'t str> {
    text.split(before).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn every_file_is_served_and_nothing_else() {
    for name in files() {
        let asset = asset(&format!("/assets/{name}")).unwrap_or_else(|| panic!("{name} is not served"));
        let suffix = name.rsplit('.').next().unwrap();
        let expected =
            [("js", SCRIPT), ("css", CSS), ("svg", SVG)].iter().find(|(known, _)| *known == suffix).unwrap().1;
        assert_eq!(asset.content_type, expected, "{name}");
    }
    assert_eq!(asset("/").map(|page| page.content_type), Some(HTML));
    for path in
        ["", "/index.html", "/assets/", "/assets/index.html", "/assets/../page.rs", "/assets/api.d.ts", "/metrics"]
    {
        assert_eq!(asset(path), None, "{path}");
    }
}

#[test]
fn every_file_is_used_and_whatever_is_used_is_there() {
    let page = asset("/").unwrap().body;
    let mut used: BTreeSet<String> = ["href=\"/assets/", "src=\"/assets/"]
        .iter()
        .flat_map(|before| quoted(page, before))
        .map(str::to_owned)
        .collect();
    for name in files() {
        used.extend(
            quoted(asset(&format!("/assets/{name}")).unwrap().body, " from \"./").into_iter().map(str::to_owned),
        );
    }
    assert_eq!(used, files());
}

#[test]
fn the_page_has_nothing_inline_and_names_no_other_host() {
    let page = asset("/").unwrap().body;
    for inline in ["<style", " style=", "javascript:", " onclick", " onload", "<script>"] {
        assert!(!page.contains(inline), "{inline}: the policy forbids it");
    }
    let bodies = files().into_iter().map(|name| asset(&format!("/assets/{name}")).unwrap().body);
    for body in bodies.chain([page]) {
        let hosts = body.replace("http://www.w3.org/2000/svg", "");
        assert!(!hosts.contains("http://") && !hosts.contains("https://") && !hosts.contains("url(//"), "{body}");
    }
}
