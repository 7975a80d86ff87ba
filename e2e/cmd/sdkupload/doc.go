// Command sdkupload stores the files of a directory by aws-sdk-go-v2 alone: parts of 16 MiB, four at a time, small files 32
// at a time, and the checksums that the SDK makes by itself. It keeps no journal and no manifest, looks at no file twice and
// repeats nothing but what the SDK repeats: what "make bench-upload" measures the uploader against.
package main
