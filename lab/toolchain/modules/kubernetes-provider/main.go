// The executable of the Pulumi Kubernetes provider, built from its published Go module.
//
// The module's own main embeds two files that its release process generates and does not publish. The build
// (lab/toolchain/recipes.ts) writes both beside this file in a scratch folder, from the schema and the mapping that
// the module does publish; they are not kept in this repository.
package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

// The module's schema.json with "version" set to the release the provider reports.
//
//go:embed schema.json
var schema []byte

//go:embed terraform-mapping.json
var terraformMapping []byte

func main() {
	provider.Serve("kubernetes", version.Version, schema, terraformMapping)
}
