import datetime
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from analytics.migrations._partitioned import CreatePartitionedModel


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('usermgmt', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ActiveTransition',
            fields=[
                ('pk', models.CompositePrimaryKey('day', 'previous_day', blank=True, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('previous_day', models.DateField()),
                ('users', models.BigIntegerField()),
            ],
            options={
                'db_table': 'active_transition',
            },
        ),
        migrations.CreateModel(
            name='DailyTeam',
            fields=[
                ('requests', models.BigIntegerField(default=0)),
                ('failed_requests', models.BigIntegerField(default=0)),
                ('input_tokens', models.BigIntegerField(default=0)),
                ('output_tokens', models.BigIntegerField(default=0)),
                ('calls_without_usage', models.BigIntegerField(default=0)),
                ('pk', models.CompositePrimaryKey('day', 'team_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('team_id', models.BigIntegerField()),
            ],
            options={
                'db_table': 'daily_team',
            },
        ),
        migrations.CreateModel(
            name='DailyTotal',
            fields=[
                ('requests', models.BigIntegerField(default=0)),
                ('failed_requests', models.BigIntegerField(default=0)),
                ('input_tokens', models.BigIntegerField(default=0)),
                ('output_tokens', models.BigIntegerField(default=0)),
                ('calls_without_usage', models.BigIntegerField(default=0)),
                ('day', models.DateField(primary_key=True, serialize=False)),
                ('active_users', models.BigIntegerField(db_default=0, default=0, help_text='People with a request on that day')),
                ('chat_requests', models.BigIntegerField(default=0)),
                ('assistant_requests', models.BigIntegerField(default=0)),
                ('workflow_requests', models.BigIntegerField(default=0)),
            ],
            options={
                'db_table': 'daily_total',
            },
        ),
        migrations.CreateModel(
            name='DailyUsage',
            fields=[
                ('requests', models.BigIntegerField(default=0)),
                ('failed_requests', models.BigIntegerField(default=0)),
                ('input_tokens', models.BigIntegerField(default=0)),
                ('output_tokens', models.BigIntegerField(default=0)),
                ('calls_without_usage', models.BigIntegerField(default=0)),
                ('pk', models.CompositePrimaryKey('day', 'team_id', 'kind', 'item_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('team_id', models.BigIntegerField()),
                ('kind', models.SmallIntegerField()),
                ('item_id', models.BigIntegerField()),
            ],
            options={
                'db_table': 'daily_usage',
            },
        ),
        migrations.CreateModel(
            name='DailyWorkflow',
            fields=[
                ('requests', models.BigIntegerField(default=0)),
                ('failed_requests', models.BigIntegerField(default=0)),
                ('input_tokens', models.BigIntegerField(default=0)),
                ('output_tokens', models.BigIntegerField(default=0)),
                ('calls_without_usage', models.BigIntegerField(default=0)),
                ('pk', models.CompositePrimaryKey('day', 'workflow_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('workflow_id', models.BigIntegerField()),
            ],
            options={
                'db_table': 'daily_workflow',
            },
        ),
        migrations.CreateModel(
            name='MonthlyAssistant',
            fields=[
                ('requests', models.BigIntegerField(default=0)),
                ('failed_requests', models.BigIntegerField(default=0)),
                ('input_tokens', models.BigIntegerField(default=0)),
                ('output_tokens', models.BigIntegerField(default=0)),
                ('calls_without_usage', models.BigIntegerField(default=0)),
                ('pk', models.CompositePrimaryKey('month', 'assistant_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('month', models.DateField()),
                ('assistant_id', models.BigIntegerField()),
            ],
            options={
                'db_table': 'monthly_assistant',
            },
        ),
        migrations.CreateModel(
            name='MonthlyTeam',
            fields=[
                ('requests', models.BigIntegerField(default=0)),
                ('failed_requests', models.BigIntegerField(default=0)),
                ('input_tokens', models.BigIntegerField(default=0)),
                ('output_tokens', models.BigIntegerField(default=0)),
                ('calls_without_usage', models.BigIntegerField(default=0)),
                ('pk', models.CompositePrimaryKey('month', 'team_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('month', models.DateField()),
                ('team_id', models.BigIntegerField()),
            ],
            options={
                'db_table': 'monthly_team',
            },
        ),
        migrations.CreateModel(
            name='MonthlyWorkflow',
            fields=[
                ('requests', models.BigIntegerField(default=0)),
                ('failed_requests', models.BigIntegerField(default=0)),
                ('input_tokens', models.BigIntegerField(default=0)),
                ('output_tokens', models.BigIntegerField(default=0)),
                ('calls_without_usage', models.BigIntegerField(default=0)),
                ('pk', models.CompositePrimaryKey('month', 'workflow_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('month', models.DateField()),
                ('workflow_id', models.BigIntegerField()),
            ],
            options={
                'db_table': 'monthly_workflow',
            },
        ),
        migrations.CreateModel(
            name='PendingEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user_id', models.BigIntegerField()),
                ('occurred_at', models.DateTimeField()),
                ('team_id', models.BigIntegerField()),
                ('kind', models.SmallIntegerField()),
                ('assistant_id', models.BigIntegerField()),
                ('workflow_id', models.BigIntegerField()),
                ('requests', models.SmallIntegerField()),
                ('status', models.SmallIntegerField()),
                ('input_tokens', models.BigIntegerField()),
                ('output_tokens', models.BigIntegerField()),
                ('usage_known', models.BooleanField()),
            ],
            options={
                'db_table': 'pending_event',
            },
        ),
        migrations.CreateModel(
            name='Assistant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=200, unique=True)),
                ('name', models.CharField(max_length=200)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('updated_at', models.DateTimeField(auto_now=True, db_default=django.db.models.functions.datetime.Now())),
                ('archived_at', models.DateTimeField(null=True)),
                ('deleted_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'assistant',
                'abstract': False,
                'indexes': [models.Index(fields=['updated_at'], name='assistant_updated'), models.Index(condition=models.Q(('archived_at__isnull', True), ('deleted_at__isnull', True)), fields=['id'], name='assistant_live')],
            },
        ),
        migrations.CreateModel(
            name='DailyAssistant',
            fields=[
                ('requests', models.BigIntegerField(default=0)),
                ('failed_requests', models.BigIntegerField(default=0)),
                ('input_tokens', models.BigIntegerField(default=0)),
                ('output_tokens', models.BigIntegerField(default=0)),
                ('calls_without_usage', models.BigIntegerField(default=0)),
                ('pk', models.CompositePrimaryKey('day', 'assistant_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('assistant_id', models.BigIntegerField()),
            ],
            options={
                'db_table': 'daily_assistant',
                'indexes': [models.Index(fields=['assistant_id', '-day'], name='daily_assistant_last')],
            },
        ),
        migrations.CreateModel(
            name='DailyUser',
            fields=[
                ('requests', models.BigIntegerField(default=0)),
                ('failed_requests', models.BigIntegerField(default=0)),
                ('input_tokens', models.BigIntegerField(default=0)),
                ('output_tokens', models.BigIntegerField(default=0)),
                ('calls_without_usage', models.BigIntegerField(default=0)),
                ('pk', models.CompositePrimaryKey('user_id', 'day', blank=True, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('first_value_at', models.DateTimeField(help_text='First successful request of the day', null=True)),
                ('last_active_at', models.DateTimeField(help_text='Last request of the day', null=True)),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='days', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'daily_user',
            },
        ),
        migrations.CreateModel(
            name='PersonActivity',
            fields=[
                ('user', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='activity', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('first_value_at', models.DateTimeField(help_text='First successful request', null=True)),
                ('last_active_at', models.DateTimeField(null=True)),
                ('last_active_day', models.DateField(null=True)),
            ],
            options={
                'db_table': 'person_activity',
                'indexes': [models.Index(fields=['user'], include=('first_value_at',), name='person_activity_value')],
            },
        ),
        migrations.CreateModel(
            name='RollupState',
            fields=[
                ('id', models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('time_zone', models.CharField(max_length=64)),
                ('version', models.BigIntegerField(default=0)),
                ('as_of', models.DateTimeField(help_text='Every event committed before this instant is folded')),
            ],
            options={
                'db_table': 'rollup_state',
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='rollup_state_single')],
            },
        ),
        CreatePartitionedModel(
            name='UsageEvent',
            partition_by='occurred_at',
            fields=[
                ('pk', models.CompositePrimaryKey('user_id', 'occurred_at', 'event_key', blank=True, editable=False, primary_key=True, serialize=False)),
                ('user_id', models.BigIntegerField()),
                ('occurred_at', models.DateTimeField()),
                ('event_key', models.UUIDField(help_text="128-bit hash of (source, the client's event id)")),
                ('received_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('source', models.CharField(max_length=40)),
                ('team_id', models.BigIntegerField(default=0)),
                ('kind', models.SmallIntegerField(choices=[(1, 'chat'), (2, 'assistant'), (3, 'workflow')])),
                ('assistant_id', models.BigIntegerField(default=0)),
                ('workflow_id', models.BigIntegerField(default=0)),
                ('model', models.CharField(default='', max_length=200)),
                ('requests', models.SmallIntegerField(default=1)),
                ('input_tokens', models.BigIntegerField(default=0, help_text='Including cached')),
                ('cached_tokens', models.BigIntegerField(default=0, help_text='Part of input')),
                ('output_tokens', models.BigIntegerField(default=0, help_text='Including reasoning')),
                ('reasoning_tokens', models.BigIntegerField(default=0, help_text='Part of output')),
                ('usage_known', models.BooleanField(default=True)),
                ('status', models.SmallIntegerField(choices=[(1, 'success'), (2, 'error'), (3, 'cancelled')], default=1)),
                ('latency_ms', models.BigIntegerField(null=True)),
            ],
            options={
                'db_table': 'usage_event',
                'constraints': [models.CheckConstraint(condition=models.Q(('input_tokens__gte', 0), ('input_tokens__lte', 1000000000), ('cached_tokens__gte', 0), ('cached_tokens__lte', 1000000000), ('output_tokens__gte', 0), ('output_tokens__lte', 1000000000), ('reasoning_tokens__gte', 0), ('reasoning_tokens__lte', 1000000000)), name='usage_event_tokens_in_range'), models.CheckConstraint(condition=models.Q(('requests__in', (0, 1))), name='usage_event_at_most_one_request'), models.CheckConstraint(condition=models.Q(('occurred_at__gte', datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))), name='usage_event_not_before_2000'), models.CheckConstraint(condition=models.Q(('kind__in', [1, 2, 3]), ('status__in', [1, 2, 3])), name='usage_event_known_kind_and_status')],
            },
        ),
        migrations.CreateModel(
            name='Workflow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=200, unique=True)),
                ('name', models.CharField(max_length=200)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('updated_at', models.DateTimeField(auto_now=True, db_default=django.db.models.functions.datetime.Now())),
                ('archived_at', models.DateTimeField(null=True)),
                ('deleted_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'workflow',
                'abstract': False,
                'indexes': [models.Index(fields=['updated_at'], name='workflow_updated'), models.Index(condition=models.Q(('archived_at__isnull', True), ('deleted_at__isnull', True)), fields=['id'], name='workflow_live')],
            },
        ),
    ]
