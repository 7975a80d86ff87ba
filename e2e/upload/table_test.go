package upload_test

import (
	"slices"
	"sync"
	"testing"
)

// fault is a row of docs/uploader.md, "Fault by fault".
type fault struct {
	// row is its first column.
	row string
	// cases are its tests with the whole program and real stores.
	cases []scenario
	// elsewhere are other tests that prove it: the directory of their package, and their name.
	elsewhere []string
}

// scenario is one thing that a fault may do.
type scenario struct {
	name string
	run  func(*pod)
	// with are the stores that it is run with; none: all.
	with []string
}

var faults = []fault{
	{row: "Store down at start", cases: []scenario{
		{"it stays down", (*pod).storeStaysDown, nil},
		{"it comes back", (*pod).storeComesBack, nil},
	}},
	{row: "Wrong role, 403 that does not heal", cases: []scenario{
		{"it does not heal", (*pod).roleIsWrong, nil},
		{"it heals", (*pod).roleIsLate, nil},
	}},
	{row: "Bucket missing, wrong region, wrong CA, a setting that the store refuses", cases: []scenario{
		{"the bucket is missing", (*pod).bucketIsMissing, nil},
		{"the region is wrong", (*pod).regionIsWrong, []string{"S3"}},
		{"the CA is wrong", (*pod).authorityIsWrong, nil},
		{"a setting is refused", (*pod).settingIsRefused, nil},
	}},
	{row: "A key, a token, a file, a region or a CA bundle of which no request can be made", cases: []scenario{
		{"the secrets are malformed", (*pod).secretsAreMalformed, []string{"S3", "Azure"}},
		{"the files are malformed", (*pod).filesAreMalformed, nil},
		{"the region is no name", (*pod).regionIsNoName, []string{"S3"}},
		{"the CA bundle has no certificate", (*pod).authoritiesAreNone, nil},
	}, elsewhere: []string{"uploader/transport TestErrorsOfTheClient", "uploader/secrets TestShapes", "uploader/secrets TestToken"}},
	{row: "A proxy that refuses, is not there, or cannot reach the store", cases: []scenario{
		{"it passes requests on", (*pod).proxyPassesOn, []string{"S3"}},
		{"it refuses", (*pod).proxyRefuses, nil},
		{"it fails", (*pod).proxyFails, nil},
	}, elsewhere: []string{"uploader/transport TestProxyFails"}},
	{row: "SIGTERM during preflight", cases: []scenario{
		{"nothing is in the spool", (*pod).endsBeforeItBegan, nil},
		{"the store comes back", (*pod).endsAndDrains, nil},
		{"the store stays down", (*pod).endsAndCannotDrain, nil},
	}},
	{row: "Store down for two minutes mid-upload, 5xx, timeouts", cases: []scenario{
		{"down", (*pod).downInTheMiddle, nil},
		{"5xx", (*pod).failsForAWhile, nil},
		{"it stands still", (*pod).standsStill, nil},
	}},
	{row: "Connection cut in a part", cases: []scenario{{"in each part", (*pod).cutInEachPart, nil}}},
	{row: "A request that stands still for five minutes", elsewhere: []string{"uploader/transfer TestRequestThatStandsStill"}},
	{row: "A store that refuses a request in the middle of its body (403, 412, 413, 503) and closes", cases: []scenario{
		{"the key is taken", (*pod).keyIsTakenEarly, nil},
		{"the key is taken, and the answer is lost", (*pod).answerIsLost, nil},
		{"the body is too large", (*pod).bodyIsTooLarge, nil},
		{"it denies, and heals", (*pod).deniedEarly, nil},
		{"it is busy, and heals", (*pod).busyEarly, nil},
	}, elsewhere: []string{"e2e/upload TestEarlyRefusal", "e2e/upload TestTakenKey", "uploader/transport TestAnswerBeatsBrokenWrite"}},
	{row: "503 SlowDown", cases: []scenario{{"it asks for fewer requests", (*pod).isThrottled, nil}}},
	{row: "403 mid-run", cases: []scenario{
		{"it heals", (*pod).deniedForAWhile, nil},
		{"it does not heal", (*pod).deniedForGood, nil},
	}},
	{row: "Token expiry mid-run", cases: []scenario{{"the token file is replaced", (*pod).tokenExpires, nil}}},
	{row: "The Secret of a key is changed, and the old key revoked", elsewhere: []string{
		"e2e/upload TestRotatedKeys", "e2e TestRotatedKey", "uploader/secrets TestNeverHalfAPair", "uploader/s3 TestRotatedAccessKey",
		"uploader/s3 TestRotatedCredentialsFile", "uploader/azure TestRotatedSecret", "uploader/azure TestRotatedCertificate",
		"uploader/gcs TestRotatedServiceAccountKey",
	}},
	{row: "Clock skew", cases: []scenario{{"it is reported", (*pod).clockIsWrong, []string{"S3", "Azure"}}}},
	{row: "Wrong CRC, bytes changed on the way", cases: []scenario{
		{"now and then", (*pod).bytesChangeOnce, nil},
		{"each time", (*pod).bytesChangeAlways, nil},
	}},
	{row: "Disk full in the spool", cases: []scenario{
		{"what was completed is stored", (*pod).diskIsFull, nil},
		{"deletion makes room", (*pod).deletionMakesRoom, nil},
	}},
	{row: "File grows after close, is rewritten in a part already sent, or truncated while read", cases: []scenario{
		{"it grows", (*pod).fileGrows, nil},
		{"it is rewritten", (*pod).fileIsRewritten, nil},
		{"its writer goes back", (*pod).streamIsRewritten, nil},
		{"it is truncated", (*pod).fileIsTruncated, nil},
	}},
	{row: "File deleted while read", cases: []scenario{{"it is stored whole", (*pod).fileIsDeleted, nil}}},
	{row: "File renamed or replaced while read", cases: []scenario{
		{"it is renamed", (*pod).fileIsRenamed, nil},
		{"it is replaced", (*pod).fileIsReplaced, nil},
	}},
	{row: "Two files racing to one key", cases: []scenario{{"of two pods", (*pod).twoPodsRace, nil}}},
	{row: "Object of the key exists", cases: []scenario{
		{"with the same bytes", (*pod).objectIsTheSame, nil},
		{"with other bytes", (*pod).objectIsAnother, nil},
		{"and a command is wrapped", (*pod).wrappedCommandFails, nil},
	}},
	{
		row:       "kill -9 of the sidecar while a container runs, also one that waits in Wrap",
		elsewhere: []string{"e2e/upload TestKill", "internal/cli/uploadercmd TestKill", "e2e TestUploaderAtTheEnd"},
	},
	{row: "kill -9 of the sidecar in the drain", elsewhere: []string{"e2e TestUploaderAtTheEnd"}},
	{row: "Journal lost", cases: []scenario{{"files are found in the store", (*pod).journalIsLost, nil}}},
	{row: "kill -9 of a wrapped container", cases: []scenario{{"no manifest is written", (*pod).sessionIsLost, nil}}},
	{row: "`drainTimeoutSeconds` too short", cases: []scenario{{"it is reported", (*pod).drainIsTooShort, nil}}},
	{row: "Grace period cut short", elsewhere: []string{"e2e TestUploaderAtTheEnd"}},
	{row: "Leave to write but not to read", cases: []scenario{{"it works", (*pod).mayOnlyWrite, nil}}},
}

// atOnce is how many pods run at a time. Most wait most of the time.
const atOnce = 20

// TestFaults runs the sidecar through every fault, with every store.
func TestFaults(t *testing.T) {
	stores := map[string]*backend{}
	for name, open := range backends {
		stores[name] = open(t)
		stores[name].name = name
	}
	var pods sync.WaitGroup
	defer pods.Wait()
	places := make(chan struct{}, atOnce)
	for _, f := range faults { // Those that take longest are first.
		for _, s := range f.cases {
			for name, b := range stores {
				if len(s.with) > 0 && !slices.Contains(s.with, name) {
					continue
				}
				// In place of t.Parallel, which lets no more run than there are processors.
				places <- struct{}{}
				pods.Go(func() {
					defer func() { <-places }()
					t.Run(f.row+"/"+s.name+"/"+name, func(t *testing.T) { s.run(newPod(t, b)) })
				})
			}
		}
	}
}
