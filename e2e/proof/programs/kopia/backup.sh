export KOPIA_PASSWORD=only-for-this-test KOPIA_CHECK_FOR_UPDATES=false
case $LIGHTERMAN_PROVIDER in
s3)
  host=${LIGHTERMAN_ENDPOINT:-https://s3.$LIGHTERMAN_REGION.amazonaws.com}
  set -- --endpoint "${host#https://}" --region "$LIGHTERMAN_REGION" --bucket "$LIGHTERMAN_BUCKET"
  # kopia looks for another identity where the keys are empty, but wants to be told.
  [ -n "${AWS_ACCESS_KEY_ID:-}" ] || set -- "$@" --access-key= --secret-access-key=
  ;;
azure) set -- --container "$LIGHTERMAN_BUCKET" ;;
gcs) set -- --bucket "$LIGHTERMAN_BUCKET" ;;
esac
make_files files
kopia repository create "$LIGHTERMAN_PROVIDER" --prefix "$LIGHTERMAN_PREFIX/" "$@"
kopia snapshot create files
id=$(kopia snapshot list --json files | sed -n 's/.*"id": *"\([0-9a-f]*\)".*/\1/p' | head -n 1)
rm -r files
kopia snapshot verify --verify-files-percent 100
kopia restore "$id" restored
same_files restored
kopia snapshot delete --delete "$id"
