//! The document holds all that the router and the policy hold, and describes it.

use super::*;
use crate::auth::policy::{RULES, Verdict, of};
use crate::http::page::{FOLDERS, VIEWS};
use std::collections::BTreeSet;

/// Pages and their files are no part of the API.
fn is_page(route: &str) -> bool {
    VIEWS.contains(&route) || FOLDERS.contains(&route) || route.starts_with("/docs") || route == PATH
}

fn operations() -> impl Iterator<Item = (String, String, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(move |(method, operation)| (method.to_ascii_uppercase(), path.clone(), operation))
    })
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let described: BTreeSet<_> = operations().map(|(method, path, _)| (method, path)).collect();
    let routes = RULES.iter().filter(|rule| !is_page(rule.route));
    let offered: BTreeSet<_> = routes
        .flat_map(|rule| rule.methods.iter().map(|method| ((*method).to_owned(), rule.route.to_owned())))
        .collect();
    let undescribed: Vec<_> = offered.difference(&described).collect();
    assert!(undescribed.is_empty(), "these routes are not described: {undescribed:#?}");
    for (method, path) in &described {
        assert!(
            matches!(of(method, path), Verdict::Access(_)),
            "{method} {path} stands in no line of the policy"
        );
    }
}

#[test]
fn every_operation_says_what_it_is_and_answers() {
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations() {
        let at = format!("{method} {path}");
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{at} has no summary");
        assert!(operation["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{at} needs one tag");
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{at}");
        let answers = operation["responses"].as_object().unwrap();
        assert!(answers.keys().any(|status| status.starts_with(['1', '2', '3'])), "{at} has no good answer");
        for (status, answer) in answers {
            assert!(answer.get("$ref").is_some() || answer["description"].is_string(), "{at} {status}");
        }
        let placed = path.matches('{').count();
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        assert_eq!(parameters.filter(|parameter| parameter["in"] == "path").count(), placed, "{at}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn check(part: &Value) {
        match part {
            Value::Object(members) => {
                if let Some(target) = members.get("$ref").and_then(Value::as_str) {
                    let pointer = target.strip_prefix('#').unwrap();
                    assert!(DOCUMENT.pointer(pointer).is_some(), "{target}");
                }
                members.values().for_each(check);
            }
            Value::Array(items) => items.iter().for_each(check),
            _ => {}
        }
    }
    check(&DOCUMENT);
}

#[test]
fn what_may_be_null_is_required_in_answers_and_not_in_requests() {
    let required = |schema: &str| {
        let names = DOCUMENT["components"]["schemas"][schema]["required"].as_array().unwrap();
        names.iter().map(|name| name.as_str().unwrap()).collect::<BTreeSet<_>>()
    };
    assert!(required("Device").contains("description"));
    assert!(!required("NewDevice").contains("description"));
    assert!(required("NewDevice").contains("rtsp_url"));
}
