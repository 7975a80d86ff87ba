case $LIGHTERMAN_PROVIDER in
s3)
  store="s3://$LIGHTERMAN_BUCKET/$LIGHTERMAN_PREFIX orders"
  # Its boto3 is older than AWS_ENDPOINT_URL_S3.
  options=${LIGHTERMAN_ENDPOINT:+--endpoint-url $LIGHTERMAN_ENDPOINT}
  ;;
azure)
  store="$LIGHTERMAN_ENDPOINT/$LIGHTERMAN_BUCKET/$LIGHTERMAN_PREFIX orders"
  options="--cloud-provider azure-blob-storage"
  ;;
esac
make_database "barman-cloud-wal-archive --gzip $options $store %p"
barman-cloud-backup --immediate-checkpoint $options $store
add_orders
lose_database
barman-cloud-backup-list --format json $options $store > backups.json
backup=$(python3 -c 'import json; print(json.load(open("backups.json"))["backups_list"][0]["backup_id"])')
barman-cloud-restore $options $store "$backup" data
recover_database "barman-cloud-wal-restore $options $store %f %p"
