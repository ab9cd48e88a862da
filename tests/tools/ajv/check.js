// Reads {schema, configs} from stdin; writes what is wrong with each config, as SchemaStore's validator says it.
// Its settings: https://github.com/SchemaStore/schemastore/blob/master/CONTRIBUTING.md, "Ajv strict mode".
import fs from "node:fs";
import Ajv from "ajv";
import addFormats from "ajv-formats";

const { schema, configs } = JSON.parse(fs.readFileSync(0, "utf8"));
const ajv = new Ajv({ strict: true, allErrors: true });
addFormats(ajv);
const validate = ajv.compile(schema);
const verdicts = configs.map((config) => (validate(config) ? [] : validate.errors.map((it) => `${it.instancePath} ${it.message}`)));
process.stdout.write(JSON.stringify(verdicts));
