export KOPIA_PASSWORD=only-for-this-test KOPIA_CHECK_FOR_UPDATES=false
host=${LIGHTERMAN_ENDPOINT:-https://s3.$LIGHTERMAN_REGION.amazonaws.com}
make_files files
kopia repository create s3 --bucket "$LIGHTERMAN_BUCKET" --prefix "$LIGHTERMAN_PREFIX/" \
  --endpoint "${host#https://}" --region "$LIGHTERMAN_REGION"
kopia snapshot create files
id=$(kopia snapshot list --json files | sed -n 's/.*"id": *"\([0-9a-f]*\)".*/\1/p' | head -n 1)
rm -r files
kopia snapshot verify --verify-files-percent 100
kopia restore "$id" restored
same_files restored
kopia snapshot delete --delete "$id"
