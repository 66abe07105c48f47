use proptest::prelude::*;

use super::*;

fn render(template: &str, values: &[(&str, &str)], labels: &[(&str, &str)]) -> Result<String, RenderError> {
    let template = QueryTemplate::parse(template).unwrap_or_else(|e| panic!("{template}: {e}"));
    let labels = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let lookup = |name: &str| values.iter().find(|v| v.0 == name).map(|v| v.1);
    template.render(&lookup, &labels)
}

/// A second reader of Go's string literals, from the language's specification, for literals that hold text and no odd bytes.
fn unquote(literal: &str) -> Option<String> {
    let quote = literal.chars().next()?;
    let inside = literal.strip_prefix(quote)?.strip_suffix(quote)?;
    if quote == '`' {
        return (!inside.contains('`')).then(|| inside.to_owned());
    }
    let mut out = String::new();
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        if c == quote || c == '\n' || c == '\u{fffd}' {
            return None;
        }
        if c != '\\' {
            out.push(c);
            continue;
        }
        out.push(match chars.next()? {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '\\' => '\\',
            'u' => {
                let hex: String = chars.by_ref().take(4).collect();
                char::from_u32(u32::from_str_radix(&hex, 16).ok()?)?
            }
            c if c == quote => c,
            _ => return None,
        });
    }
    Some(out)
}

#[test]
fn values_are_put_in_as_their_place_needs() {
    for (template, values, rendered) in [
        ("up", &[][..], "up"),
        (r#"up{job="{{job}}"}"#, &[("job", r#"a"b\c"#)], r#"up{job="a\"b\\c"}"#),
        ("up{job='{{job}}'}", &[("job", r#"a"b'c"#)], r#"up{job='a"b\'c'}"#),
        ("up{job=`{{job}}`}", &[("job", r#"a"b\c"#)], r#"up{job=`a"b\c`}"#),
        (
            r#"up{job="x-{{ job }}-y"}"#,
            &[("job", "é\n\u{0}\u{fffd}")],
            "up{job=\"x-é\\n\\u0000\\ufffd-y\"}",
        ),
        (r#"up{job!="{{job}}"}"#, &[("job", "")], r#"up{job!=""}"#),
        (
            r#"up{job=~"{{job}}-[0-9]+"}"#,
            &[("job", "a.b|c")],
            r#"up{job=~"a\\.b\\|c-[0-9]+"}"#,
        ),
        (
            r#"up{job !~ "({{a}}|{{b}})"}"#,
            &[("a", "x+"), ("b", "y")],
            r#"up{job !~ "(x\\+|y)"}"#,
        ),
        ("up{job=~`{{job}}`}", &[("job", "a.`b")], r"up{job=~`a\.\x{60}b`}"),
        (
            "up{job=~ # which\n '{{job}}'}",
            &[("job", "a.b")],
            "up{job=~ # which\n 'a\\\\.b'}",
        ),
        // A regular expression only where the matcher says so.
        (r#"up{a=~"x",b="{{b}}"}"#, &[("b", "1.5")], r#"up{a=~"x",b="1.5"}"#),
        ("rate(x[{{w}}])", &[("w", "1h30m")], "rate(x[1h30m])"),
        (
            "max_over_time(x[{{r}}:{{s}}])",
            &[("r", "1h"), ("s", "30s")],
            "max_over_time(x[1h:30s])",
        ),
        (
            "{{metric}} > {{limit}}",
            &[("metric", "a:b"), ("limit", "1.5e-3")],
            "a:b > 1.5e-3",
        ),
        ("queue_{{n}}_total", &[("n", "7")], "queue_7_total"),
        ("x{{{l}}=\"1\"}", &[("l", "tm_id")], "x{tm_id=\"1\"}"),
        ("{{agg}}(x)", &[("agg", "sum")], "sum(x)"),
        // Literal braces.
        (r#"x{a="{{{{b}}"}"#, &[], r#"x{a="{{b}}"}"#),
        (r#"x{a="{{{{{{b}}}}"}"#, &[("b", "1")], r#"x{a="{{1}}"}"#),
        (r#"x{a="{{{b}}}"}"#, &[("b", "1")], r#"x{a="{1}"}"#),
        (r#"x{a=~"z{2}"}"#, &[], r#"x{a=~"z{2}"}"#),
        // Brackets, hashes and placeholder-like text in strings mean nothing.
        (r##"x{a="#)]} ' ` {"}"##, &[], r##"x{a="#)]} ' ` {"}"##),
    ] {
        assert_eq!(render(template, values, &[]).as_deref(), Ok(rendered), "{template}");
    }
}

#[test]
fn labels_become_matchers_in_order() {
    let labels = [("namespace", "prod"), ("job", "a\"b")];
    let matchers = r#"job="a\"b",namespace="prod""#;
    for (template, rendered) in [
        ("up{{{labels}}}", format!("up{{{matchers}}}")),
        ("up{ {{ labels }} }", format!("up{{ {matchers} }}")),
        (
            "up{role=\"tm\", {{labels}}, a=\"1\"}",
            format!("up{{role=\"tm\", {matchers}, a=\"1\"}}"),
        ),
        (
            "{{{labels}}} / on(tm) up{{{labels}}}",
            format!("{{{matchers}}} / on(tm) up{{{matchers}}}"),
        ),
    ] {
        assert_eq!(render(template, &[], &labels), Ok(rendered), "{template}");
        assert!(QueryTemplate::parse(template).unwrap().uses_labels());
    }
    assert_eq!(render("up{{{labels}}}", &[], &[]), Err(RenderError::NoLabels));
    assert_eq!(
        render("up{{{labels}}}", &[], &[("a-b", "")]),
        Err(RenderError::LabelName("a-b".to_owned()))
    );
    assert_eq!(
        render("up{{{labels}}}", &[], &[("a=\"\"} or up{b", "")]).map_err(|e| e.to_string().len() > 20),
        Err(true)
    );
    assert_eq!(
        render("up", &[], &[("a-b", "")]).as_deref(),
        Ok("up"),
        "labels that are not used are not checked"
    );
}

#[test]
fn names_are_known_before_rendering() {
    let template = QueryTemplate::parse("a{x=\"{{b.c}}\",y=\"{{a}}\",{{labels}}}[{{b.c}}]").unwrap();
    assert_eq!(template.names().collect::<Vec<_>>(), ["a", "b.c"]);
    let places: Vec<_> = template
        .places()
        .map(|(n, span)| (n, span.text(template.source())))
        .collect();
    assert_eq!(places, [("b.c", "{{b.c}}"), ("a", "{{a}}"), ("b.c", "{{b.c}}")]);
}

#[test]
fn values_that_could_change_the_query_are_refused() {
    for value in [
        "5m])",
        "a b",
        "1 or vector(1)",
        "-1",
        "",
        "\"",
        "or",
        "BY",
        "x{",
        "a,b",
        "#",
        "1+1",
        "5 m",
        "é",
    ] {
        let told = render("rate(x[{{w}}])", &[("w", value)], &[]).unwrap_err();
        assert!(matches!(told, RenderError::NotPlain { .. }), "{value}: {told}");
    }
    // Where a value is part of a word, what ends a word is refused too.
    for template in ["x_{{w}}", "{{w}}_x", "1{{w}}", "1.{{w}}", "{{w}}{{w}}"] {
        for value in ["1.5", "1e-5", "", "a-b", "a b"] {
            let told = render(template, &[("w", value)], &[]).unwrap_err();
            assert!(
                matches!(told, RenderError::NotWord { .. }),
                "{template} {value}: {told}"
            );
        }
    }
    for value in ["a`b", "\u{fffd}"] {
        let told = render("up{job=`{{w}}`}", &[("w", value)], &[]).unwrap_err();
        assert!(matches!(told, RenderError::NotRaw { .. }), "{value}: {told}");
    }
    let missing = render("up{job=\"{{job}}\"}", &[], &[]).unwrap_err();
    assert_eq!(missing.to_string(), "the task has no `job`, which the query needs");
    let long = "x".repeat(MAX_QUERY_BYTES);
    assert_eq!(
        render("up{job=\"{{w}}\"}", &[("w", &long)], &[]),
        Err(RenderError::TooLong)
    );
    assert_eq!(
        render("up{job=\"{{w}}\"}", &[("w", &format!("{long}x"))], &[]),
        Err(RenderError::TooLong)
    );
}

#[test]
fn bad_templates_say_where_and_what() {
    use TemplateProblem as P;
    let bad_name = |name: &str| P::BadName(name.to_owned());
    for (template, position, problem) in [
        ("", 0, P::Empty),
        (" \n", 0, P::Empty),
        ("up{job=\"{{job\"}", 8, P::Unclosed),
        ("up{job=\"{{}}\"}", 8, bad_name("")),
        ("up{job=\"{{a b}}\"}", 8, bad_name("a b")),
        ("up{job=\"{{1a}}\"}", 8, bad_name("1a")),
        ("up{job=\"{{é}}\"}", 8, bad_name("é")),
        ("up{job=\"{{a}b}}\"}", 8, bad_name("a}b")),
        ("up{job=\"a", 7, P::UnclosedString('"')),
        ("up{job='a\n'}", 7, P::UnclosedString('\'')),
        ("up{job=`a", 7, P::UnclosedString('`')),
        ("up{job=\"\\", 8, P::BadEscape("\\".to_owned())),
        (r#"up{job="\d"}"#, 8, P::BadEscape(r"\d".to_owned())),
        (r#"up{job="\'"}"#, 8, P::BadEscape(r"\'".to_owned())),
        (r#"up{job="\xg0"}"#, 8, P::BadEscape(r"\x".to_owned())),
        (r#"up{job="\ud800"}"#, 8, P::BadEscape(r"\ud800".to_owned())),
        (r#"up{job="\U00110000"}"#, 8, P::BadEscape(r"\U00110000".to_owned())),
        (r#"up{job="\777"}"#, 8, P::BadEscape(r"\777".to_owned())),
        // A value can never complete an escape.
        (r#"up{job="\{{job}}"}"#, 8, P::BadEscape(r"\{".to_owned())),
        (r#"up{job="\x{{job}}"}"#, 8, P::BadEscape(r"\x".to_owned())),
        (r#"up{job="\x4{{job}}"}"#, 8, P::BadEscape(r"\x4".to_owned())),
        ("(up", 0, P::Unbalanced('(')),
        ("up)", 2, P::Unbalanced(')')),
        ("(up]", 3, P::Unbalanced(']')),
        ("up{{{{}}}}", 2, P::Unbalanced('{')),
        ("up # {{job}}", 5, P::InComment),
        ("up{{labels}}", 2, P::LabelsPlace),
        ("up{job=\"{{labels}}\"}", 8, P::LabelsPlace),
        ("up{a{{labels}}}", 4, P::LabelsPlace),
        ("up{a=\"1\" {{labels}}}", 9, P::LabelsPlace),
        ("up{{{labels}}a=\"1\"}", 3, P::LabelsPlace),
        ("sum by ({{labels}}) (up)", 8, P::LabelsPlace),
        (r#"up{a=~"\\{{x}}"}"#, 9, P::RegexEscape),
        (r#"up{a=~"\\\\\\{{x}}"}"#, 13, P::RegexEscape),
        (r"up{a=~`\{{x}}`}", 8, P::RegexEscape),
        (r#"up{a=~"\\Q{{x}}\\E"}"#, 10, P::RegexEscape),
        ("up{a=~\"[{{x}}]\"}", 8, P::RegexClass),
        ("up{a=~\"(?{{x}})\"}", 9, P::RegexGroup),
        ("up{a=~\"y{{{x}}}\"}", 9, P::RegexRepetition),
        ("up{a=~\"{{x}}*\"}", 12, P::RegexRepeated),
    ] {
        let error = QueryTemplate::parse(template).unwrap_err();
        assert_eq!((error.position(), &error.problem), (position, &problem), "{template}");
        assert!(template.is_char_boundary(error.span.end as usize), "{template}");
        assert!(
            !error.to_string().ends_with('.') && error.to_string().contains(" at byte "),
            "{error}"
        );
    }
    let long = "x".repeat(MAX_TEMPLATE_BYTES + 1);
    assert_eq!(QueryTemplate::parse(&long).unwrap_err().problem, P::TooLong(long.len()));
    let told = QueryTemplate::parse("up{{labels}}").unwrap_err().to_string();
    assert!(
        told.contains("`{{labels}}`") && told.contains("`cpu{{{labels}}}`"),
        "{told}"
    );
}

/// Any text, with the characters that quoting is about more often than chance would have them.
fn hostile() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        3 => proptest::sample::select(r#"\"'`{}[]().*+?|^$-&~#,=!:EQnxu0 "#.chars().collect::<Vec<_>>()),
        1 => proptest::sample::select(vec!['\0', '\n', '\r', '\t', '\u{7f}', '\u{85}', '\u{2028}', '\u{fffd}', '\u{10ffff}']),
        2 => any::<char>(),
    ];
    proptest::collection::vec(character, 0..12).prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn a_string_literal_gives_back_the_value(value in hostile(), before in "[a-z]{0,3}", double in any::<bool>()) {
        let quote = if double { '"' } else { '\'' };
        let rendered = render(&format!("{{x={quote}{before}{{{{v}}}}{quote}}}"), &[("v", &value)], &[]).unwrap();
        let literal = rendered.strip_prefix("{x=").and_then(|r| r.strip_suffix('}')).unwrap();
        prop_assert_eq!(unquote(literal), Some(format!("{before}{value}")), "{}", rendered);
    }

    #[test]
    fn labels_give_back_their_values(labels in proptest::collection::btree_map("[a-zA-Z_][a-zA-Z0-9_]{0,5}", hostile(), 1..4)) {
        let template = QueryTemplate::parse("up{{{labels}}}").unwrap();
        let rendered = template.render(&|_| None, &labels).unwrap();
        // The values are quoted, so that a quote followed by comma and name begins the next matcher only outside them.
        let mut rest = rendered.strip_prefix("up{").and_then(|r| r.strip_suffix('}')).unwrap();
        for (i, (name, value)) in labels.iter().enumerate() {
            rest = if i == 0 { rest } else { rest.strip_prefix(',').unwrap() };
            rest = rest.strip_prefix(name.as_str()).unwrap().strip_prefix('=').unwrap();
            let bytes = rest.as_bytes();
            let mut end = 1;
            while bytes[end] != b'"' {
                end += if bytes[end] == b'\\' { 2 } else { 1 };
            }
            prop_assert_eq!(unquote(&rest[..=end]), Some(value.clone()));
            rest = &rest[end + 1..];
        }
        prop_assert_eq!(rest, "");
    }

    #[test]
    fn a_value_in_a_regular_expression_matches_itself_and_nothing_else(
        value in hostile(),
        other in hostile(),
        form in 0..3usize,
    ) {
        let template = ["{x=~\"{{v}}\"}", "{x!~'{{v}}'}", "{x=~`{{v}}`}"][form];
        let rendered = render(template, &[("v", &value)], &[]).unwrap();
        let pattern = unquote(&rendered[4..rendered.len() - 1]).unwrap();
        // As Prometheus anchors it.
        let regex = regex::Regex::new(&format!("^(?s:{pattern})$")).unwrap();
        prop_assert!(regex.is_match(&value), "{}", pattern);
        prop_assert_eq!(regex.is_match(&other), other == value, "{}", pattern);
        let longer = value + "x";
        prop_assert!(!regex.is_match(&longer));
    }

    #[test]
    fn a_value_outside_strings_stays_one_word(value in prop_oneof![hostile(), "[0-9a-z.:_+-]{0,6}"], glued in any::<bool>()) {
        let template = if glued { "a_{{v}} b" } else { "( {{v}} )" };
        if let Ok(rendered) = render(template, &[("v", &value)], &[]) {
            let sign = value.find(['+', '-']);
            prop_assert!(!value.is_empty() && value.chars().all(|c| promql::is_word(c) || "+-.".contains(c)), "{}", rendered);
            // A sign only in the exponent of a number that stands alone.
            prop_assert!(sign.is_none_or(|s| !glued && value.parse::<f64>().is_ok() && value[..s].ends_with(['e', 'E'])), "{}", rendered);
        }
    }

    #[test]
    fn no_template_panics(template in prop_oneof![any::<String>(), r#"[a{}"'`\\\[\]()=~!#\n ,lbs]{0,40}"#]) {
        if let Ok(parsed) = QueryTemplate::parse(&template) {
            let labels = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
            let _ = parsed.render(&|_| Some("v"), &labels);
            if parsed.names().next().is_none() && !parsed.uses_labels() {
                let text = template.replace("{{{{", "{{");
                prop_assert_eq!(parsed.render(&|_| None, &labels), Ok(text));
            }
        }
    }
}
