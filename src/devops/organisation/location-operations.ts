import { json } from '../../http/reply.ts'
import { type DevopsContext, devopsOperation, permissions } from '../wire/context.ts'
import { findCount, listReply, toDate } from '../wire/wire-values.ts'
import { listProjects, type Project, readProject } from './projects-store.ts'

const permission = permissions.member

/** A row of the location service: id, area, resource, route, newest version. */
type Location = readonly [id: string, area: string, resource: string, route: string, max: string]

/** What exists here, by the ids clients know (facts: integration §7.5, pipelines §5.10). */
const LOCATIONS: readonly Location[] = [
  [
    'f5b09dd5-9d54-45a1-8b5a-1c8287d634cc',
    'distributedtask',
    'variablegroups',
    '{project}/_apis/{area}/{resource}/{groupId}',
    '7.2',
  ],
  [
    'ef5b7057-ffc3-4c77-bbad-c10b4a4abcc7',
    'distributedtask',
    'variablegroups',
    '_apis/{area}/{resource}/{groupId}',
    '7.2',
  ],
  [
    'e85f1c62-adfc-4b74-b618-11a150fb195e',
    'serviceendpoint',
    'endpoints',
    '{project}/_apis/{area}/{resource}/{endpointId}',
    '7.2',
  ],
  [
    '14e48fdc-2c8b-41ce-a0c3-e26f6cc55bd0',
    'serviceendpoint',
    'endpoints',
    '_apis/{area}/{resource}/{endpointId}',
    '7.2',
  ],
  [
    '398c85bc-81aa-4822-947c-a194a05f0fef',
    'build',
    'authorizedresources',
    '{project}/_apis/{area}/{resource}',
    '7.2',
  ],
  [
    '0cd358e1-9217-4d94-8269-1c1ee6f93dcf',
    'build',
    'builds',
    '{project}/_apis/{area}/{resource}/{buildId}',
    '7.2',
  ],
  [
    'dbeaf647-6167-421a-bda9-c9327b25e2e6',
    'build',
    'definitions',
    '{project}/_apis/{area}/{resource}/{definitionId}',
    '7.2',
  ],
  [
    '8baac422-4c6e-4de5-8532-db96d92acffa',
    'build',
    'timeline',
    '{project}/_apis/{area}/builds/{buildId}/{resource}/{timelineId}',
    '7.2',
  ],
  [
    '35a80daf-7f30-45fc-86e8-6b813d9c90df',
    'build',
    'logs',
    '{project}/_apis/{area}/builds/{buildId}/{resource}/{logId}',
    '7.2',
  ],
  [
    '1db06c96-014e-44e1-ac91-90b2d4b3e984',
    'build',
    'artifacts',
    '{project}/_apis/{area}/builds/{buildId}/{resource}',
    '7.2',
  ],
  [
    '6e6114b2-8161-44c8-8f6c-c5505782427f',
    'build',
    'tags',
    '{project}/_apis/{area}/builds/{buildId}/{resource}',
    '7.2',
  ],
  [
    '7859261e-d2e9-4a68-b820-a5d84cc5bb3d',
    'pipelines',
    'runs',
    '{project}/_apis/{area}/{pipelineId}/{resource}/{runId}',
    '7.2',
  ],
  [
    '53df2d18-29ea-46a9-bee0-933540f80abf',
    'pipelines',
    'preview',
    '{project}/_apis/{area}/{pipelineId}/{resource}',
    '7.2',
  ],
  [
    '28e1305e-2afe-47bf-abaf-cbb0e6a91988',
    'pipelines',
    'pipelines',
    '{project}/_apis/{resource}/{pipelineId}',
    '7.2',
  ],
  [
    'b5b9a4a4-e6cd-4096-853c-ab7d8b0c4eb2',
    'pipelinePermissions',
    'pipelinePermissions',
    '{project}/_apis/pipelines/{resource}/{resourceType}/{resourceId}',
    '7.2',
  ],
  [
    '603fe2ac-9723-48b9-88ad-09305aa6c6e1',
    'core',
    'projects',
    '_apis/{resource}/{*projectId}',
    '7.2',
  ],
  [
    'e81700f7-3be2-46de-8624-2eb35882fcaa',
    'Location',
    'ResourceAreas',
    '_apis/{resource}/{areaId}',
    '7.2',
  ],
  ['00d9565f-ed9c-4a06-9a50-00e7896ccab4', 'Location', 'ConnectionData', '_apis/{resource}', '7.2'],
]

function locationsOf(area: string | undefined) {
  const wanted = area?.toLowerCase()
  return LOCATIONS.filter(([, of]) => wanted === undefined || of.toLowerCase() === wanted).map(
    ([id, of, resourceName, routeTemplate, maxVersion]) => ({
      id,
      area: of,
      resourceName,
      routeTemplate,
      resourceVersion: 1,
      minVersion: '1.0',
      maxVersion,
      releasedVersion: '7.1',
    }),
  )
}

/** An identity as the location service spells it. */
function identityOf({ caller }: DevopsContext) {
  const name = caller?.name ?? caller?.objectId ?? ''
  return {
    id: caller?.objectId,
    descriptor: `Microsoft.IdentityModel.Claims.ClaimsIdentity;${caller?.tenantId}\\${name}`,
    subjectDescriptor: `aad.${Buffer.from(caller?.objectId ?? '').toString('base64url')}`,
    providerDisplayName: name,
    isActive: true,
    properties: { Account: { $type: 'System.String', $value: name } },
  }
}

/** Any organisation has one deployment; the id only has to be lasting and not zero. */
const INSTANCE_ID = '5e1c0000-0000-4000-8000-000000000001'

function toProjectWire(project: Project, origin: string) {
  return {
    id: project.id,
    name: project.name,
    description: project.description,
    url: `${origin}/_apis/projects/${project.id}`,
    state: 'wellFormed',
    revision: 1,
    visibility: 'private',
    lastUpdateTime: toDate(project.createdAtMs),
  }
}

export const locationOperations = [
  devopsOperation(
    'Locations',
    { method: 'OPTIONS', path: '/:org/_apis', permission: permissions.anyone },
    () => listReply(locationsOf(undefined)),
  ),
  devopsOperation(
    'Locations of an area',
    { method: 'OPTIONS', path: '/:org/_apis/:area', permission: permissions.anyone },
    ({ params }) => listReply(locationsOf(params.area)),
  ),
  devopsOperation(
    'Resource Areas_List',
    { method: 'GET', path: '/:org/_apis/resourceareas', permission: permissions.anyone },
    () => listReply([]),
  ),
  devopsOperation(
    'Resource Areas_Get',
    { method: 'GET', path: '/:org/_apis/resourceareas/:areaId', permission: permissions.anyone },
    ({ params }, { origin }) =>
      json(200, { id: params.areaId, name: params.areaId, locationUrl: `${origin}/` }),
  ),
  devopsOperation(
    'Connection Data_Get',
    { method: 'GET', path: '/:org/_apis/connectiondata', permission },
    (_call, context) =>
      json(200, {
        authenticatedUser: identityOf(context),
        authorizedUser: identityOf(context),
        instanceId: INSTANCE_ID,
        deploymentId: INSTANCE_ID,
        deploymentType: 'hosted',
        locationServiceData: {
          serviceOwner: INSTANCE_ID,
          defaultAccessMappingMoniker: 'PublicAccessMapping',
          lastChangeId: 1,
          lastChangeId64: 1,
        },
      }),
  ),
  devopsOperation(
    'Projects_List',
    { method: 'GET', path: '/:org/_apis/projects', permission },
    async ({ query }, { devops, origin }) => {
      const all = await listProjects(devops.db.query, devops.organization)
      const skip = Number(query.get('$skip') ?? 0) || 0
      const top = findCount(query, '$top') ?? all.length
      return listReply(all.slice(skip, skip + top).map((item) => toProjectWire(item, origin)))
    },
  ),
  devopsOperation(
    'Projects_Get',
    { method: 'GET', path: '/:org/_apis/projects/:projectId', permission },
    async ({ params }, { devops, origin }) =>
      json(200, toProjectWire(await readProject(devops, params.projectId), origin)),
  ),
]
