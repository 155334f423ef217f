import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('email', models.EmailField(max_length=254, null=True, unique=True)),
                ('external_id', models.CharField(help_text="The platform's own id", max_length=200, null=True, unique=True)),
                ('name', models.CharField(blank=True, max_length=200)),
                ('role', models.CharField(choices=[('admin', 'Administrator'), ('user', 'User')], default='user', max_length=8)),
                ('status', models.CharField(choices=[('pending', 'Pending invitation'), ('active', 'Active'), ('deactivated', 'Deactivated'), ('deleted', 'Deleted')], default='active', max_length=12)),
                ('is_active', models.GeneratedField(db_persist=True, expression=models.Case(models.When(status='active', then=True), default=False), output_field=models.BooleanField())),
                ('display_name', models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Coalesce(django.db.models.functions.comparison.NullIf('name', models.Value('')), 'email', 'external_id', models.Value('')), output_field=models.CharField(max_length=254))),
                ('search', models.GeneratedField(db_persist=True, expression=django.contrib.postgres.search.SearchVector(models.Func(models.Func(django.db.models.functions.comparison.Coalesce('name', models.Value('')), django.db.models.functions.comparison.Coalesce('email', models.Value('')), django.db.models.functions.comparison.Coalesce('external_id', models.Value('')), arg_joiner=" || ' ' || ", template='(%(expressions)s)'), models.Value('@._-+'), models.Value('     '), function='translate', output_field=models.TextField()), config='simple'), output_field=django.contrib.postgres.search.SearchVectorField())),
                ('joined_at', models.DateTimeField(help_text='Onboarding completed; null where nobody told us', null=True)),
                ('invited_at', models.DateTimeField(help_text='First invited; null for people who were never invited', null=True)),
                ('accepted_at', models.DateTimeField(help_text='Accepted an invitation; null for who never had one', null=True)),
                ('deactivated_at', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True, db_default=django.db.models.functions.datetime.Now())),
                ('deleted_at', models.DateTimeField(null=True)),
                ('erased_at', models.DateTimeField(help_text='Personal data replaced; cannot be restored', null=True)),
                ('language', models.CharField(blank=True, db_default='', default='', max_length=8)),
                ('theme', models.CharField(choices=[('system', 'System'), ('light', 'Light'), ('dark', 'Dark')], db_default='system', default='system', max_length=8)),
            ],
            options={
                'db_table': 'person',
                'indexes': [models.Index(fields=['status'], include=('joined_at',), name='person_status'), models.Index(fields=['joined_at'], include=('id', 'status'), name='person_joined'), models.Index(fields=['updated_at'], name='person_updated'), models.Index(condition=models.Q(('status__in', ['active', 'deactivated'])), fields=['display_name', 'id'], name='person_by_name'), django.contrib.postgres.indexes.GinIndex(fields=['search'], name='person_search')],
                'constraints': [models.CheckConstraint(condition=models.Q(('email__isnull', False), ('external_id__isnull', False), ('status', 'deleted'), _connector='OR'), name='person_is_known_by_something'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'pending'), _negated=True), ('joined_at__isnull', True), _connector='OR'), name='person_pending_not_joined')],
            },
        ),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('actor_id', models.BigIntegerField(null=True)),
                ('actor_name', models.CharField(blank=True, default='', max_length=254)),
                ('action', models.CharField(choices=[('person.invited', 'Invited a person'), ('invitation.resent', 'Sent an invitation again'), ('invitation.revoked', 'Revoked an invitation'), ('invitation.accepted', 'Accepted an invitation'), ('person.edited', 'Edited a person'), ('person.role_changed', 'Changed a role'), ('person.teams_changed', "Changed a person's teams"), ('person.deactivated', 'Deactivated a person'), ('person.reactivated', 'Reactivated a person'), ('person.removed', 'Removed a person'), ('person.restored', 'Restored a person'), ('person.erased', 'Erased a person'), ('person.sessions_ended', "Ended a person's sessions"), ('people.imported', 'Imported people'), ('team.created', 'Created a team'), ('team.edited', 'Edited a team'), ('team.archived', 'Archived a team'), ('team.unarchived', 'Brought a team back'), ('data.exported', 'Exported data')], max_length=40)),
                ('person_id', models.BigIntegerField(null=True)),
                ('team_id', models.BigIntegerField(null=True)),
                ('target_name', models.CharField(blank=True, default='', max_length=254)),
                ('before', models.JSONField(default=dict)),
                ('after', models.JSONField(default=dict)),
            ],
            options={
                'db_table': 'audit_entry',
                'indexes': [models.Index(fields=['-at', '-id'], name='audit_entry_newest'), models.Index(fields=['person_id', '-at'], name='audit_entry_person'), models.Index(fields=['actor_id', '-at'], name='audit_entry_actor')],
            },
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=254)),
                ('role', models.CharField(choices=[('admin', 'Administrator'), ('user', 'User')], max_length=8)),
                ('nonce', models.BinaryField(max_length=32)),
                ('token_hash', models.CharField(max_length=64, unique=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('expires_at', models.DateTimeField()),
                ('accepted_at', models.DateTimeField(null=True)),
                ('revoked_at', models.DateTimeField(null=True)),
                ('invited_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'invitation',
            },
        ),
        migrations.CreateModel(
            name='Mail',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('invitation', 'Invitation')], max_length=20)),
                ('language', models.CharField(default='en', max_length=8)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('next_attempt_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('sent_at', models.DateTimeField(null=True)),
                ('given_up_at', models.DateTimeField(null=True)),
                ('last_error', models.CharField(blank=True, default='', max_length=300)),
                ('invitation', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='mails', to='usermgmt.invitation')),
            ],
            options={
                'db_table': 'mail',
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('is_primary', models.BooleanField(default=False)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'membership',
            },
        ),
        migrations.CreateModel(
            name='Team',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=200, unique=True)),
                ('name', models.CharField(max_length=200)),
                ('description', models.CharField(blank=True, db_default='', default='', max_length=500)),
                ('color', models.CharField(blank=True, db_default='', default='', max_length=7)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True, db_default=django.db.models.functions.datetime.Now())),
                ('archived_at', models.DateTimeField(null=True)),
                ('deleted_at', models.DateTimeField(null=True)),
                ('members', models.ManyToManyField(related_name='teams', through='usermgmt.Membership', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'team',
            },
        ),
        migrations.AddField(
            model_name='membership',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='usermgmt.team'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.UniqueConstraint(condition=models.Q(('accepted_at__isnull', True), ('revoked_at__isnull', True)), fields=('user',), name='invitation_one_open'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.CheckConstraint(condition=models.Q(('accepted_at__isnull', True), ('revoked_at__isnull', True), _connector='OR'), name='invitation_one_end'),
        ),
        migrations.AddIndex(
            model_name='mail',
            index=models.Index(condition=models.Q(('given_up_at__isnull', True), ('sent_at__isnull', True)), fields=['next_attempt_at'], name='mail_to_send'),
        ),
        migrations.AddIndex(
            model_name='team',
            index=models.Index(fields=['updated_at'], name='team_updated'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.UniqueConstraint(fields=('user', 'team'), name='membership_once'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.UniqueConstraint(condition=models.Q(('is_primary', True)), fields=('user',), name='membership_one_primary'),
        ),
    ]
