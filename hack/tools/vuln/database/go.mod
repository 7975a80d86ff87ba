// The vulnerability database that make vuln asks: a module of data, pinned like the tools. Nothing imports it, so that go mod tidy
// would remove it; renew it with: go get golang.org/x/vulndb@latest
module lighterman.dev/lighterman/hack/tools/vuln/database

go 1.26.0

require golang.org/x/vulndb v0.0.0-20261105234957-e22db6528018
