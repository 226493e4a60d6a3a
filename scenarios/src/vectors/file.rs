//! Vectors as JSON: a scenario, with more fields.

use schemars::Schema;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::Vector;
use crate::permitted::PermittedOutcome;
use crate::scenario::{self, ScenarioStep};

/// The file name of the index. Every folder of vectors has an index.
pub const INDEX: &str = "index.json";
/// The file name of the schema in a folder of vectors.
pub const SCHEMA: &str = "vector.schema.json";

/// A step of a vector.
#[derive(Serialize)]
struct Step<'a> {
    #[serde(flatten)]
    step: &'a ScenarioStep,
    #[serde(skip_serializing_if = "<[PermittedOutcome]>::is_empty")]
    otherwise: &'a [PermittedOutcome],
}

impl Serialize for Vector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let scenario = &self.scenario;
        let steps = scenario.steps.iter().zip(&self.otherwise);
        let steps: Vec<_> = steps.map(|(step, otherwise)| Step { step, otherwise }).collect();
        let mut fields = serializer.serialize_struct("Vector", 8)?;
        fields.serialize_field("id", &scenario.id)?;
        fields.serialize_field("rules", &scenario.rules)?;
        fields.serialize_field("about", &scenario.about)?;
        fields.serialize_field("clauses", &scenario.clauses)?;
        fields.serialize_field("guests", &self.scope.guests)?;
        fields.serialize_field("rooms", &self.scope.rooms)?;
        fields.serialize_field("steps", &steps)?;
        fields.serialize_field("covers", &self.covers)?;
        fields.end()
    }
}

/// The JSON Schema of vectors, published as `schema/vector.json`: the schema of scenarios, with the
/// additional fields of a vector.
///
/// # Panics
/// Never: the schema of scenarios has a root and a step, which a test looks at.
pub fn schema() -> Schema {
    let mut generator = schemars::SchemaGenerator::default();
    let permitted = generator.subschema_for::<PermittedOutcome>();
    let mut schema = Value::from(scenario::schema());
    for (name, definition) in generator.take_definitions(true) {
        if schema["$defs"].get(&name).is_none() {
            schema["$defs"][name] = definition;
        }
    }
    schema["title"] = json!("Vector");
    schema["description"] = json!(
        "A conformance vector of Matrix guest access: steps by named actors, and all that the rules \
         permit of each. spec-notes/vectors.md says how one is run."
    );
    let number =
        |description: &str| json!({ "description": description, "type": "integer", "minimum": 0 });
    let root = &mut schema["properties"];
    root["guests"] = number("The number of guests: guest1 and so on.");
    root["rooms"] = number("The number of rooms: room1 and so on.");
    root["covers"] = json!({
        "description": "What the vector covers, in words.",
        "type": "array", "items": { "type": "string" }, "uniqueItems": true
    });
    let step = &mut schema["$defs"]["Step"];
    step["properties"]["otherwise"] = json!({
        "description": "The outcomes by other readings of the text, which are permitted as well.",
        "type": "array", "items": permitted
    });
    require(step, &["expect"]);
    require(&mut schema, &["guests", "rooms", "covers"]);
    Schema::try_from(schema).expect("an object is a schema")
}

/// Adds these properties to the required ones.
fn require(schema: &mut Value, names: &[&str]) {
    let required = schema["required"].as_array_mut().expect("what is described requires something");
    required.extend(names.iter().map(|name| json!(name)));
}
