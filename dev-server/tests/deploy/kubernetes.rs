//! deploy/spinkube.yaml. Its fields were compared with the schemas of `SpinKube`'s operator and of Kubernetes; here is what these do not
//! know.

use serde_json::Value;

use crate::container::USER;
use crate::{
    IMAGE, assert_is_spin_variable, assert_is_subcommand, assert_is_variable, default, paths, yaml,
};

struct Files {
    app: Value,
    feed: Value,
    service: Value,
    ingress: Value,
}

fn files() -> Files {
    let files = yaml("deploy/spinkube.yaml");
    let kinds: Vec<&str> = files
        .iter()
        .map(|file| file["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["SpinApp", "Deployment", "Service", "Ingress"]);
    let [app, feed, service, ingress] = files.try_into().unwrap();
    Files {
        app,
        feed,
        service,
        ingress,
    }
}

/// What a list of Kubernetes has under this name.
#[track_caller]
fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let found = list
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["name"] == name);
    found.unwrap_or_else(|| panic!("there is no {name}"))
}

#[test]
fn every_variable_is_known_and_no_token_has_a_value() {
    let Files { app, feed, .. } = files();
    let container = &feed["spec"]["template"]["spec"]["containers"][0];
    let options = &app["spec"]["runtimeConfig"]["sqliteDatabases"][0]["options"];
    for variable in app["spec"]["variables"].as_array().unwrap() {
        assert_is_spin_variable(variable["name"].as_str().unwrap());
    }
    for variable in container["env"].as_array().unwrap() {
        assert_is_variable(variable["name"].as_str().unwrap());
    }
    for list in [&app["spec"]["variables"], &container["env"], options] {
        for variable in list.as_array().unwrap() {
            let name = variable["name"].as_str().unwrap().to_lowercase();
            let secret = &variable["valueFrom"]["secretKeyRef"];
            if name.contains("token") {
                assert!(
                    secret["key"].as_str().unwrap().ends_with("-token"),
                    "{name}"
                );
            }
            assert!(
                secret.is_null() || secret["name"] == "orchestrator",
                "{name}"
            );
        }
    }
    assert_is_subcommand(container["args"][0].as_str().unwrap());
}

#[test]
fn both_have_one_database_and_one_token() {
    let Files { app, feed, .. } = files();
    let env = &feed["spec"]["template"]["spec"]["containers"][0]["env"];
    let variables = &app["spec"]["variables"];
    let database = &app["spec"]["runtimeConfig"]["sqliteDatabases"][0];
    assert_eq!(
        [&database["name"], &database["type"]],
        ["default", "libsql"]
    );
    let url = &named(env, "DATABASE_URL")["valueFrom"];
    assert_eq!(&named(&database["options"], "url")["valueFrom"], url);
    assert_eq!(&named(variables, "database_path")["valueFrom"], url);
    let token = &named(env, "DATABASE_TOKEN")["valueFrom"];
    assert_eq!(&named(&database["options"], "token")["valueFrom"], token);
    let token = &named(env, "API_TOKEN")["valueFrom"];
    assert_eq!(&named(variables, "api_token")["valueFrom"], token);
}

#[test]
fn the_ingress_leads_to_both() {
    let Files {
        app,
        feed,
        service,
        ingress,
    } = files();
    let port = default("WEBSOCKET_PORT").parse::<u16>().unwrap();
    let pod = &feed["spec"]["template"];
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["ports"][0]["containerPort"], port);
    assert_eq!(
        service["spec"]["ports"][0]["targetPort"],
        container["ports"][0]["name"]
    );
    assert_eq!(service["spec"]["selector"], pod["metadata"]["labels"]);
    assert_eq!(
        feed["spec"]["selector"]["matchLabels"],
        pod["metadata"]["labels"]
    );
    let rules = &ingress["spec"]["rules"][0]["http"]["paths"];
    let [ws, rest] = [&rules[0], &rules[1]];
    assert_eq!([&ws["path"], &rest["path"]], ["/ws/", "/"]);
    assert_eq!(
        ws["backend"]["service"]["name"],
        service["metadata"]["name"]
    );
    assert_eq!(
        ws["backend"]["service"]["port"]["name"],
        service["spec"]["ports"][0]["name"]
    );
    // The operator makes a service of the app's name.
    assert_eq!(rest["backend"]["service"]["name"], app["metadata"]["name"]);
    assert_eq!(rest["backend"]["service"]["port"]["number"], 80);
}

#[test]
fn probes_and_images_are_ours() {
    let Files { app, feed, .. } = files();
    let version = env!("CARGO_PKG_VERSION");
    let pod = &feed["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(app["spec"]["image"], format!("{IMAGE}-spin:{version}"));
    assert_eq!(container["image"], format!("{IMAGE}:{version}"));
    assert_eq!(pod["securityContext"]["runAsUser"], USER);
    let checks = &app["spec"]["checks"];
    let probes = [
        &checks["liveness"],
        &checks["readiness"],
        &container["readinessProbe"],
    ];
    let known = paths();
    for probe in probes {
        let path = probe["httpGet"]["path"].as_str().unwrap();
        assert!(known.contains(path), "{path}");
    }
    for replicas in [&app["spec"]["replicas"], &feed["spec"]["replicas"]] {
        assert_eq!(replicas, 2);
    }
}
