//! spin.toml, as far as a host has to know it.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// An application as its manifest describes it, with every variable resolved.
#[derive(Debug)]
pub struct Manifest {
    /// The components by their ids.
    pub components: BTreeMap<String, Component>,
    /// The routes, the most specific first.
    pub routes: Vec<Route>,
}

/// One component.
#[derive(Clone)]
pub struct Component {
    /// The `.wasm` file.
    pub source: PathBuf,
    /// The variables that it may read.
    pub variables: BTreeMap<String, String>,
    /// The labels of the databases that it may open.
    pub databases: Vec<String>,
}

impl Debug for Component {
    /// Without the values of the variables: those that the manifest calls `secret` must not get into a log.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Component")
            .field("source", &self.source)
            .field("variables", &self.variables.keys())
            .field("databases", &self.databases)
            .finish()
    }
}

/// A route: the path alone, or with all that is below it (`/...`).
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    path: String,
    below: bool,
    /// The id of the component that serves it.
    pub component: String,
}

impl Manifest {
    /// Reads the manifest at `path`. An application variable has the value that `variable` gives for its name, else
    /// its default.
    ///
    /// # Errors
    /// Where the file cannot be read, is no manifest of version 2, or leaves a required variable without a value.
    pub fn load(path: &Path, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the manifest {}", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, folder, variable)
            .with_context(|| format!("in the manifest {}", path.display()))
    }

    fn parse(text: &str, folder: &Path, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let file: File = toml::from_str(text)?;
        if file.spin_manifest_version != 2 {
            bail!("only manifests of version 2 are known");
        }
        let mut variables = BTreeMap::new();
        for (name, declared) in file.variables {
            let value = variable(&name)
                .or(declared.default)
                .with_context(|| format!("the variable {name} has no value"))?;
            variables.insert(name, value);
        }
        let mut components = BTreeMap::new();
        for (id, declared) in file.component {
            let resolved = declared
                .variables
                .into_iter()
                .map(|(name, template)| Ok((name, expand(&template, &variables)?)))
                .collect::<Result<_>>()
                .with_context(|| format!("in the component {id}"))?;
            let component = Component {
                source: folder.join(declared.source),
                variables: resolved,
                databases: declared.sqlite_databases,
            };
            components.insert(id, component);
        }
        let mut routes = Vec::new();
        for trigger in file.trigger.http {
            if !components.contains_key(&trigger.component) {
                bail!("the route {} names no component", trigger.route);
            }
            routes.push(Route::new(&trigger.route, trigger.component));
        }
        routes.sort_by_key(|route| (std::cmp::Reverse(route.path.len()), route.below));
        Ok(Self { components, routes })
    }

    /// The route that serves `path`.
    #[must_use]
    pub fn route(&self, path: &str) -> Option<&Route> {
        let path = path.trim_end_matches('/');
        self.routes.iter().find(|route| route.serves(path))
    }
}

impl Route {
    fn new(route: &str, component: String) -> Self {
        let below = route.ends_with("/...");
        let path = route.trim_end_matches("/...").trim_end_matches('/');
        Self {
            path: path.to_owned(),
            below,
            component,
        }
    }

    fn serves(&self, path: &str) -> bool {
        path.strip_prefix(&self.path)
            .is_some_and(|rest| rest.is_empty() || self.below && rest.starts_with('/'))
    }
}

/// Puts the application's variables into a component's: `{{ name }}`.
fn expand(template: &str, variables: &BTreeMap<String, String>) -> Result<String> {
    let mut result = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after
            .split_once("}}")
            .with_context(|| format!("{template:?} has a {{{{ without its }}}}"))?;
        let name = name.trim();
        let value = variables
            .get(name)
            .with_context(|| format!("there is no variable {name}"))?;
        result.push_str(before);
        result.push_str(value);
        rest = after;
    }
    result.push_str(rest);
    Ok(result)
}

#[derive(Deserialize)]
struct File {
    spin_manifest_version: u32,
    #[serde(default)]
    variables: BTreeMap<String, Variable>,
    trigger: Triggers,
    component: BTreeMap<String, DeclaredComponent>,
}

#[derive(Deserialize)]
struct Variable {
    default: Option<String>,
}

#[derive(Deserialize)]
struct Triggers {
    http: Vec<Trigger>,
}

#[derive(Deserialize)]
struct Trigger {
    route: String,
    component: String,
}

#[derive(Deserialize)]
struct DeclaredComponent {
    source: PathBuf,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(default)]
    sqlite_databases: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
        spin_manifest_version = 2
        [application]
        name = "test"
        [variables]
        color = { default = "red" }
        size = { required = true }
        key = { default = "hidden", secret = true }
        [[trigger.http]]
        route = "/..."
        component = "rest"
        [[trigger.http]]
        route = "/api/agents/..."
        component = "agents"
        [component.rest]
        source = "rest.wasm"
        [component.agents]
        source = "agents.wasm"
        variables = { look = "{{ size }} and {{color}}", key = "{{ key }}" }
        sqlite_databases = ["default"]
    "#;

    fn manifest() -> Manifest {
        let size = |name: &str| (name == "size").then(|| "large".to_owned());
        Manifest::parse(MANIFEST, Path::new("/app"), size).expect("parses")
    }

    #[test]
    fn the_longest_route_wins() {
        let manifest = manifest();
        let component = |path| manifest.route(path).map(|route| route.component.as_str());
        assert_eq!(component("/api/agents"), Some("agents"));
        assert_eq!(component("/api/agents/"), Some("agents"));
        assert_eq!(component("/api/agents/1"), Some("agents"));
        assert_eq!(component("/api/agentsandmore"), Some("rest"));
        assert_eq!(component("/"), Some("rest"));
        assert_eq!(component(""), Some("rest"));
    }

    #[test]
    fn variables_are_resolved() {
        let manifest = manifest();
        let agents = &manifest.components["agents"];
        assert_eq!(agents.variables["look"], "large and red");
        assert_eq!(agents.variables["key"], "hidden");
        assert_eq!(agents.source, Path::new("/app/agents.wasm"));
    }

    #[test]
    fn what_is_printed_has_no_secret() {
        let printed = format!("{:?}", manifest());
        assert!(
            printed.contains("look") && printed.contains("key"),
            "{printed}"
        );
        assert!(!printed.contains("hidden"), "{printed}");
    }

    #[test]
    fn a_required_variable_needs_a_value() {
        let error = Manifest::parse(MANIFEST, Path::new(""), |_| None).expect_err("no size");
        assert_eq!(error.to_string(), "the variable size has no value");
    }
}
