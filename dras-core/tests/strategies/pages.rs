//! The pages of the strategies say what the templates say: `DRAS_WRITE_DOCS=1` writes the tables.

use std::fmt::Write as _;
use std::path::Path;

use dras_core::metrics::Kind;
use dras_core::rules::Template;

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The tables of a template: parameters, metrics, rules.
fn tables(template: &Template) -> String {
    let mut page = String::from("\n| parameter | default | range | |\n| --- | --- | --- | --- |\n");
    for (name, param) in template.params() {
        let range = param.range().unwrap_or_else(|| "`true`, `false`".to_owned());
        let _ = writeln!(
            page,
            "| `{name}` | `{}` | {range} | {} |",
            param.value,
            cell(&param.doc)
        );
    }
    page += "\n| metric | unit | of each | |\n| --- | --- | --- | --- |\n";
    for (name, metric) in &template.document().metrics {
        let spec = metric.to_spec(name);
        let unit = metric
            .unit
            .as_ref()
            .map_or_else(|| "number".to_owned(), |u| u.name.clone());
        let unit = match spec.kind {
            Kind::Event => "texts".to_owned(),
            Kind::Counter => format!("{unit}, counter"),
            Kind::Gauge => unit,
        };
        let per = format!("{:?}", spec.per)
            .to_lowercase()
            .replace("taskmanager", "TaskManager");
        let source = match (&metric.record, &metric.flink, &metric.query) {
            (Some(record), ..) => format!(" Recorded: `{}`", cell(record)),
            (_, Some(flink), _) => format!(" Flink's `{flink}`"),
            (.., Some(query)) => format!(" `{}`", cell(query)),
            _ => String::new(),
        };
        let _ = writeln!(page, "| `{name}` | {unit} | {per} | {}.{source} |", cell(&metric.doc));
    }
    page += "\n| rule | fires | sets |\n| --- | --- | --- |\n";
    for rule in &template.document().rules {
        let mut sets: Vec<String> = rule.then.keys().map(|r| format!("`{}`", r.name())).collect();
        sets.extend(rule.alert.is_some().then(|| "nothing: it tells people".to_owned()));
        let urgent = if rule.urgent { ", urgently" } else { "" };
        let _ = writeln!(
            page,
            "| `{}` | {} | {}{urgent} |",
            rule.name,
            cell(&rule.doc),
            sets.join(", ")
        );
    }
    page + "\n"
}

#[test]
fn the_tables_of_the_pages_are_current() {
    const BEGIN: &str = "<!-- tables: generated, do not edit -->\n";
    const END: &str = "<!-- end of tables -->";
    for template in Template::all() {
        let name = template.name();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../docs/strategies/{name}.md"));
        let before = std::fs::read_to_string(&path).unwrap();
        let (head, rest) = before.split_once(BEGIN).expect("the page has a place for the tables");
        let (_, tail) = rest.split_once(END).expect("the place for the tables ends");
        let should = format!("{head}{BEGIN}{}{END}{tail}", tables(template));
        if std::env::var_os("DRAS_WRITE_DOCS").is_some() {
            std::fs::write(&path, &should).unwrap();
        } else {
            assert!(
                before == should,
                "docs/strategies/{name}.md is not current: run the tests with DRAS_WRITE_DOCS=1"
            );
        }
        // The page speaks of every rule and parameter beyond its table.
        let said = format!("{head}{tail}");
        for (param, _) in template
            .params()
            .filter(|p| !["up_for", "window", "of_capacity"].contains(&p.0))
        {
            assert!(
                said.contains(&format!("`{param}`")),
                "docs/strategies/{name}.md explains no `{param}`"
            );
        }
    }
}
