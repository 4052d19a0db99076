/** A region: name, display name, geography group, geography, paired region, latitude, longitude. */
type Row = readonly [string, string, string, string, string, string, string]

const ROWS: readonly Row[] = [
  ['eastus', 'East US', 'US', 'United States', 'westus', '37.3719', '-79.8164'],
  ['eastus2', 'East US 2', 'US', 'United States', 'centralus', '36.6681', '-78.3889'],
  [
    'southcentralus',
    'South Central US',
    'US',
    'United States',
    'northcentralus',
    '29.4167',
    '-98.5',
  ],
  ['westus2', 'West US 2', 'US', 'United States', 'westcentralus', '47.233', '-119.852'],
  ['westus3', 'West US 3', 'US', 'United States', 'eastus', '33.448376', '-112.074036'],
  [
    'australiaeast',
    'Australia East',
    'Asia Pacific',
    'Australia',
    'australiasoutheast',
    '-33.86',
    '151.2094',
  ],
  [
    'southeastasia',
    'Southeast Asia',
    'Asia Pacific',
    'Asia Pacific',
    'eastasia',
    '1.283',
    '103.833',
  ],
  ['northeurope', 'North Europe', 'Europe', 'Europe', 'westeurope', '53.3478', '-6.2597'],
  ['swedencentral', 'Sweden Central', 'Europe', 'Sweden', 'swedensouth', '60.67488', '17.14127'],
  ['uksouth', 'UK South', 'Europe', 'United Kingdom', 'ukwest', '50.941', '-0.799'],
  ['westeurope', 'West Europe', 'Europe', 'Europe', 'northeurope', '52.3667', '4.9'],
  ['centralus', 'Central US', 'US', 'United States', 'eastus2', '41.5908', '-93.6208'],
  [
    'southafricanorth',
    'South Africa North',
    'Africa',
    'South Africa',
    'southafricawest',
    '-25.73134',
    '28.21837',
  ],
  ['centralindia', 'Central India', 'Asia Pacific', 'India', 'southindia', '18.5822', '73.9197'],
  ['eastasia', 'East Asia', 'Asia Pacific', 'Asia Pacific', 'southeastasia', '22.267', '114.188'],
  ['japaneast', 'Japan East', 'Asia Pacific', 'Japan', 'japanwest', '35.68', '139.77'],
  ['koreacentral', 'Korea Central', 'Asia Pacific', 'Korea', 'koreasouth', '37.5665', '126.978'],
  ['canadacentral', 'Canada Central', 'Canada', 'Canada', 'canadaeast', '43.653', '-79.383'],
  ['francecentral', 'France Central', 'Europe', 'France', 'francesouth', '46.3772', '2.373'],
  [
    'germanywestcentral',
    'Germany West Central',
    'Europe',
    'Germany',
    'germanynorth',
    '50.110924',
    '8.682127',
  ],
  ['italynorth', 'Italy North', 'Europe', 'Italy', '', '45.46888', '9.18109'],
  ['norwayeast', 'Norway East', 'Europe', 'Norway', 'norwaywest', '59.913868', '10.752245'],
  ['polandcentral', 'Poland Central', 'Europe', 'Poland', '', '52.23334', '21.01666'],
  ['spaincentral', 'Spain Central', 'Europe', 'Spain', '', '40.4259', '3.4209'],
  [
    'switzerlandnorth',
    'Switzerland North',
    'Europe',
    'Switzerland',
    'switzerlandwest',
    '47.451542',
    '8.564572',
  ],
  ['mexicocentral', 'Mexico Central', 'Mexico', 'Mexico', '', '20.588818', '-100.389888'],
  ['uaenorth', 'UAE North', 'Middle East', 'UAE', 'uaecentral', '25.266666', '55.316666'],
  ['brazilsouth', 'Brazil South', 'South America', 'Brazil', 'southcentralus', '-23.55', '-46.633'],
  ['israelcentral', 'Israel Central', 'Middle East', 'Israel', '', '31.2655698', '33.4506633'],
  ['qatarcentral', 'Qatar Central', 'Middle East', 'Qatar', '', '25.551462', '51.439327'],
  [
    'northcentralus',
    'North Central US',
    'US',
    'United States',
    'southcentralus',
    '41.8819',
    '-87.6278',
  ],
  ['westus', 'West US', 'US', 'United States', 'eastus', '37.783', '-122.417'],
  ['japanwest', 'Japan West', 'Asia Pacific', 'Japan', 'japaneast', '34.6939', '135.5022'],
  ['westcentralus', 'West Central US', 'US', 'United States', 'westus2', '40.89', '-110.234'],
  [
    'southafricawest',
    'South Africa West',
    'Africa',
    'South Africa',
    'southafricanorth',
    '-34.075691',
    '18.843266',
  ],
  [
    'australiacentral',
    'Australia Central',
    'Asia Pacific',
    'Australia',
    'australiacentral2',
    '-35.3075',
    '149.1244',
  ],
  [
    'australiacentral2',
    'Australia Central 2',
    'Asia Pacific',
    'Australia',
    'australiacentral',
    '-35.3075',
    '149.1244',
  ],
  [
    'australiasoutheast',
    'Australia Southeast',
    'Asia Pacific',
    'Australia',
    'australiaeast',
    '-37.8136',
    '144.9631',
  ],
  ['koreasouth', 'Korea South', 'Asia Pacific', 'Korea', 'koreacentral', '35.1796', '129.0756'],
  ['southindia', 'South India', 'Asia Pacific', 'India', 'centralindia', '12.9822', '80.1636'],
  ['westindia', 'West India', 'Asia Pacific', 'India', 'southindia', '19.088', '72.868'],
  ['canadaeast', 'Canada East', 'Canada', 'Canada', 'canadacentral', '46.817', '-71.217'],
  ['francesouth', 'France South', 'Europe', 'France', 'francecentral', '43.8345', '2.1972'],
  [
    'germanynorth',
    'Germany North',
    'Europe',
    'Germany',
    'germanywestcentral',
    '53.073635',
    '8.806422',
  ],
  ['norwaywest', 'Norway West', 'Europe', 'Norway', 'norwayeast', '58.969975', '5.733107'],
  ['swedensouth', 'Sweden South', 'Europe', 'Sweden', 'swedencentral', '55.6059', '13.0007'],
  [
    'switzerlandwest',
    'Switzerland West',
    'Europe',
    'Switzerland',
    'switzerlandnorth',
    '46.204391',
    '6.143158',
  ],
  ['ukwest', 'UK West', 'Europe', 'United Kingdom', 'uksouth', '53.427', '-3.084'],
  ['uaecentral', 'UAE Central', 'Middle East', 'UAE', 'uaenorth', '24.466667', '54.366669'],
]

const byName = new Map(ROWS.map((row) => [row[0], row]))

/** `East US` and `EASTUS` are `eastus`; undefined for a region that does not exist. */
export function findLocation(text: string): string | undefined {
  const name = text.replaceAll(' ', '').toLowerCase()
  return byName.has(name) ? name : undefined
}

export function listLocationNames(): readonly string[] {
  return ROWS.map(([name]) => name)
}

/** The regions as `GET /subscriptions/{s}/locations` answers them. */
export function toLocationBodies(subscriptionId: string): readonly object[] {
  const idOf = (name: string) => `/subscriptions/${subscriptionId}/locations/${name}`
  return ROWS.map(
    ([name, displayName, geographyGroup, geography, paired, latitude, longitude]) => ({
      id: idOf(name),
      name,
      type: 'Region',
      displayName,
      regionalDisplayName: `(${geographyGroup}) ${displayName}`,
      metadata: {
        regionType: 'Physical',
        regionCategory: 'Recommended',
        geography,
        geographyGroup,
        latitude,
        longitude,
        pairedRegion: paired === '' ? [] : [{ name: paired, id: idOf(paired) }],
      },
    }),
  )
}
