package charts

import "embed"

// CRDs holds the definitions of the API's kinds as YAML files, in the directory CRDsDirectory. They are generated from api/v1alpha1.
//
//go:embed lighterman/files/crds/*.yaml
var CRDs embed.FS

// CRDsDirectory is the directory of CRDs that has the files.
const CRDsDirectory = "lighterman/files/crds"
