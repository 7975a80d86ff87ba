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
	{row: "A server that sends secrets back", cases: []scenario{
		{"it sends back all", (*pod).secretsAreSentBack, nil},
	}, elsewhere: []string{"internal/message TestMask"}},
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
	{row: "A server that stops in the middle of a request or an answer", cases: []scenario{
		{"it stops", (*pod).stops, nil},
	}, elsewhere: []string{
		"uploader/transport TestProgress", "uploader/transport TestProgressOfBodies", "uploader/transport TestReaderThatTakesItsTime",
		"uploader/transport TestSlowestBandwidth",
	}},
	{row: "An answer without an end, a page of HTML in place of an answer", cases: []scenario{
		{"the doctor asks", (*pod).storeAttacks, nil},
		{"the doctor asks a token service", (*pod).tokensAreAttacked, nil},
	}, elsewhere: []string{"uploader/transport TestBounds"}},
	{row: "Something else answers in place of the store with success", elsewhere: []string{
		"uploader/s3 TestForeignAnswers", "uploader/azure TestForeignAnswers", "uploader/gcs TestForeignAnswers",
	}},
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
	{row: "Stream: the store takes no part of a growing file for a while", cases: []scenario{
		{"it refuses", (*pod).streamIsRefused, nil},
	}, elsewhere: []string{"uploader/sidecar TestStreamThatStallsIsToldAndGoesOn", "uploader/transfer TestOldErrorOfAStreamDoesNotDecide"}},
	{row: "Stream: the upload is gone, as a lifecycle rule of the bucket may abort it", cases: []scenario{
		{"it is aborted", (*pod).streamUploadIsGone, []string{"S3", "GCS"}},
	}},
	{row: "Stream: the file outgrows the parts that were planned for its file system", elsewhere: []string{
		"uploader/transfer TestStreamThatNeedsLargerParts",
	}},
	{row: "A file that is larger than the largest object of the store", elsewhere: []string{
		"uploader/transfer TestFileLargerThanAnyObject", "uploader/sidecar TestStreamThatIsTooLarge",
	}},
	{row: "The store describes an object a moment later than it confirms it", cases: []scenario{
		{"it has none at first", (*pod).describedLate, nil},
	}, elsewhere: []string{"uploader/transfer TestObjectThatIsDescribedLate"}},
	{row: "The store is well again, or the pod ends, while a request pauses", elsewhere: []string{
		"uploader/sidecar TestDrainEndsPauses", "uploader/transfer TestSuccessEndsPauses",
		"uploader/transfer TestLastAttemptIsJustBeforeTheDeadline",
	}},
	{row: "The store lists the unfinished uploads of other keys", elsewhere: []string{
		"uploader/sidecar TestUploadsOfOthersAreNotAborted",
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
	{
		row:       "A file that is open for writing where the kernel does not say so",
		elsewhere: []string{"internal/cli/uploadercmd TestFileOfAnotherUserStaysOpen"},
	},
	{
		row:       "A file is renamed over one that is being deleted",
		elsewhere: []string{"internal/cli/uploadercmd TestRenamedOverWhileDeleted", "uploader/spool TestNothingIsRemovedUnseen"},
	},
	{
		row:       "kill -9 of the sidecar while it deletes a file",
		elsewhere: []string{"internal/cli/uploadercmd TestLeftoverOfAKilledUploader", "uploader/spool TestWalkPutsBackLeftovers"},
	},
	{
		row:       "A directory is built under a temporary name, and renamed",
		elsewhere: []string{"internal/cli/uploadercmd TestDirectoryRenamedIntoPlace", "uploader TestTemporary"},
	},
	{
		row:       "A container makes the spool a link to the uploader's credentials",
		elsewhere: []string{"internal/cli/uploadercmd TestSpoolThatLeadsToCredentials", "uploader/spool TestLinkOfAVolume"},
	},
	{row: "Mode, times or links of a stored file change, and its content stays", cases: []scenario{
		{"it is not sent", (*pod).stateChanges, nil},
	}, elsewhere: []string{"uploader/transfer TestContentThatIsStoredIsNotSentAgain"}},
	{row: "A new pod takes over the volume", cases: []scenario{
		{"keys do not tell pods apart", (*pod).nextPodOnTheVolume, nil},
	}, elsewhere: []string{"uploader/transfer TestFileThatAnotherPodHasStored"}},
	{row: "Two files racing to one key", cases: []scenario{{"of two pods", (*pod).twoPodsRace, nil}}},
	{
		row: "Object of the key exists, and the store completes an upload without a condition (preset GCSInterop)",
		elsewhere: []string{
			"uploader/transfer TestKeyThatIsTakenWhereCompleteReplaces", "uploader/transfer TestWriteOnlyWhereCompleteReplaces",
		},
	},
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
	{
		row: "Journal lost", cases: []scenario{{"files are found in the store", (*pod).journalIsLost, nil}},
		elsewhere: []string{"uploader/journal TestJournalThatIsDamaged", "uploader/sidecar TestManifestOfManyFiles"},
	},
	{row: "The manifest cannot be seen in the store after it was written, or is another", elsewhere: []string{
		"uploader/sidecar TestManifestThatIsNotThere", "uploader/sidecar TestManifestThatIsNotWhatWasWritten",
	}},
	{row: "kill -9 of a wrapped container", cases: []scenario{{"the manifest is open", (*pod).sessionIsLost, nil}}},
	{row: "A path that is written again after its writer closed it", cases: []scenario{
		{"and a command is wrapped", (*pod).pathIsWrittenTwice, nil},
	}, elsewhere: []string{"internal/cli/uploadercmd TestPathThatIsWrittenTwice"}},
	{row: "A wrapped command fails, and its container begins again", cases: []scenario{
		{"what it has left over is not uploaded", (*pod).attemptFails, nil},
	}, elsewhere: []string{"internal/cli/uploadercmd TestLeftOverFiles", "e2e TestUploaderAttempts"}},
	{row: "One of several wrapped commands fails, or never begins", cases: []scenario{
		{"it fails", (*pod).anotherContainerFails, nil},
	}, elsewhere: []string{"internal/cli/uploadercmd TestTwoContainers", "e2e TestUploaderAttempts"}},
	{row: "A container that speaks for another", cases: []scenario{
		{"it is refused", (*pod).anotherContainerIsForged, []string{"S3"}},
	}, elsewhere: []string{
		"uploader/session TestContainerSpeaksForItselfAlone", "internal/cli/uploadercmd TestForgedReports",
	}},
	{row: "A wrapped command begins again, or the spool changes, after the run was complete", cases: []scenario{
		{"the manifest is taken back", (*pod).runGoesOn, nil},
	}, elsewhere: []string{"internal/cli/uploadercmd TestManifestIsTakenBack"}},
	{row: "kill -9 of the sidecar around the failure of a wrapped command", cases: []scenario{
		{"before and after", (*pod).failureIsRemembered, []string{"S3"}},
	}, elsewhere: []string{"internal/cli/uploadercmd TestFailureOutlivesTheSidecar", "e2e TestUploaderAttempts"}},
	{row: "Some files are stored, and others are not", cases: []scenario{
		{"an open manifest names the former", (*pod).drainFailsInPart, nil},
	}, elsewhere: []string{"internal/cli/uploadercmd TestManifestAfterAFailedDrain"}},
	{row: "Fewer files or bytes than `uploader.expect` says, or none", cases: []scenario{
		{"none", (*pod).nothingIsWritten, nil},
		{"too few bytes", (*pod).tooFewBytes, nil},
		{"less than the last run", (*pod).runShrinks, nil},
	}, elsewhere: []string{"uploader/sidecar TestRunThatIsNotExpected"}},
	{row: "The index of runs cannot be read, or not be written", cases: []scenario{
		{"it is denied", (*pod).indexIsDenied, nil},
	}, elsewhere: []string{
		"uploader/sidecar TestIndexThatCannotBeRead", "uploader/sidecar TestIndexThatCannotBeWritten", "uploader/index TestEntryFromTheFuture",
	}},
	{row: "Standard output: the command fails at the end", cases: []scenario{
		{"it ends with another code", (*pod).commandDiesAtTheEnd, nil},
		{"it ends with 0", (*pod).outputIsStored, nil},
	}},
	{row: "Standard output: the store refuses parts for a while", cases: []scenario{{"it heals", (*pod).outputIsDenied, nil}}},
	{
		row:       "Standard output: larger than the largest object",
		elsewhere: []string{"uploader/transfer TestStreamGrowsToTheLargestObject"},
	},
	{row: "Standard output: nothing was written", cases: []scenario{{"it is no backup", (*pod).outputIsEmpty, nil}}},
	{row: "Standard output: kill -9 of the sidecar while the command runs", cases: []scenario{
		{"the command writes on", (*pod).outputLosesItsSidecar, nil},
		{"the command ignores it", (*pod).lossIsIgnored, nil},
	}, elsewhere: []string{"internal/cli/uploadercmd TestStdoutKill", "internal/cli/uploadercmd TestStdoutThatHadEndedIsPublishedByTheNextSidecar"}},
	{row: "Standard output: kill -9 of the container", cases: []scenario{{"nothing is visible", (*pod).outputLosesItsExec, nil}}},
	{row: "Standard output: a process that the command left behind holds it open", cases: []scenario{
		{"it is named", (*pod).outputIsHeldOpen, nil},
	}},
	{row: "Standard output: no sidecar takes it, or its key is taken", cases: []scenario{
		{"there is no sidecar", (*pod).nobodyTakesTheOutput, []string{"S3"}},
	}, elsewhere: []string{"internal/cli/uploadercmd TestStdoutOfATakenKey"}},
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
