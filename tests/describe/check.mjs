// SPDX-License-Identifier: LGPL-2.1-or-later
// check.mjs MODULES openapi FILE | events SCHEMA FILE | answers OPENAPI FILE | bodies OPENAPI FILE: prints a JSON array of what is wrong.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [modules, what, ...files] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${modules}/package.json`));
const read = (name) => JSON.parse(readFileSync(name, 'utf8'));

function makeAjv() {
  const Ajv = require('ajv/dist/2020').default;
  const ajv = new Ajv({ strict: false, allErrors: true });
  require('ajv-formats').default(ajv);
  return ajv;
}

async function checkOpenapi(file) {
  const entry = require.resolve('@seriousme/openapi-schema-validator');
  const { Validator } = await import(pathToFileURL(entry));
  const validator = new Validator();
  const result = await validator.validate(read(file));
  if (validator.version !== '3.1') return [`it is OpenAPI ${validator.version}`];
  return result.valid ? [] : result.errors;
}

// Each case: {frame, direction, good}
function checkEvents(schema, file) {
  const ajv = makeAjv();
  ajv.addSchema(read(schema), 'events');
  return read(file).flatMap((one, index) => {
    const validate = ajv.getSchema(`events#/$defs/${one.direction}`);
    const good = validate(one.frame);
    return good === one.good ? [] : [{ index, frame: one.frame, errors: validate.errors }];
  });
}

// Each case: {route: "GET /friends", status, body}
function checkAnswers(openapi, file) {
  const ajv = makeAjv();
  const api = read(openapi);
  ajv.addSchema(api, 'api');
  return read(file).flatMap((one) => {
    const [method, path] = one.route.split(' ');
    const answer = api.paths[path]?.[method.toLowerCase()]?.responses[one.status];
    if (answer === undefined) return [{ route: one.route, status: one.status, error: 'not described' }];
    const at = answer.$ref ?? `#/paths/${path.replaceAll('~', '~0').replaceAll('/', '~1')}/${method.toLowerCase()}/responses/${one.status}`;
    const found = answer.$ref ? api.components.responses[answer.$ref.split('/').pop()] : answer;
    const type = Object.keys(found.content ?? {})[0];
    if (type === undefined) return one.body === null ? [] : [{ route: one.route, error: 'a body is not described' }];
    const pointer = `${at}/content/${type.replace('/', '~1')}/schema`.replaceAll('{', '%7B').replaceAll('}', '%7D');
    const validate = ajv.getSchema(`api${pointer}`);
    return validate(one.body) ? [] : [{ route: one.route, status: one.status, body: one.body, errors: validate.errors }];
  });
}

// Each case: {route: "POST /messages", body}
function checkBodies(openapi, file) {
  const ajv = makeAjv();
  const api = read(openapi);
  ajv.addSchema(api, 'api');
  return read(file).flatMap((one) => {
    const [method, path] = one.route.split(' ');
    const at = `#/paths/${path.replaceAll('~', '~0').replaceAll('/', '~1')}/${method.toLowerCase()}/requestBody/content/application~1json/schema`;
    const validate = ajv.getSchema(`api${at.replaceAll('{', '%7B').replaceAll('}', '%7D')}`);
    if (validate === undefined) return [{ route: one.route, error: 'takes no body' }];
    return validate(one.body) ? [] : [{ route: one.route, body: one.body, errors: validate.errors }];
  });
}

const checks = { openapi: checkOpenapi, events: checkEvents, answers: checkAnswers, bodies: checkBodies };
console.log(JSON.stringify(await checks[what](...files), null, 1));
